package node

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/proto/slot"
)

// WAIT and WAITAOF tell what the leaders of the written keys tell, by whichever way the writes went.
func TestWaitIsAnsweredByTheLeadersOfWhatWasWritten(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3, func(c *Config) { c.RESPMode = RESPProxy })
	g := openGateway(t, nodes)
	for what, addr := range map[string]string{"gateway": g.Addresses().RESP, "node": nodes[1].Addresses().RESP} {
		r := plain(t, addr, 2).Conn()
		t.Cleanup(func() { r.Close() })
		ctx := t.Context()
		await(t, what+": without a write all replicas count", func() bool {
			n, err := r.Do(ctx, "WAIT", 0, 0).Int()
			return n == 2 && err == nil
		})
		writtenEverywhere(t, what, r)
		waitOverATransfer(t, nodes, r)
		if n, err := r.Do(ctx, "WAIT", 3, 100).Int(); n > 2 || err != nil {
			t.Errorf("%s: WAIT for more than there are: %d, %v", what, n, err)
		}
	}
	succeeds(t, "CONFIG SET", func() error {
		return plain(t, nodes[0].Addresses().RESP, 2).ConfigSet(t.Context(), "appendfsync", "everysec").Err()
	})
	r := plain(t, g.Addresses().RESP, 2)
	await(t, "WAITAOF is refused where it can't be known", func() bool {
		err := r.Do(t.Context(), "WAITAOF", 0, 0, 0).Err()
		return err != nil && err.Error() == "ERR WAITAOF needs appendfsync always: otherwise nobody can tell what is on disk; WAIT tells what is in the logs"
	})
}

// waitOverATransfer has another node lead the shard of a key that was written: nobody can tell of that write any more, but of the next.
func waitOverATransfer(t *testing.T, nodes []*Node, r *redis.Conn) {
	t.Helper()
	ctx := t.Context()
	state := nodes[0].host.Load().State()
	shard := state.SlotMap().Owner(slot.Of([]byte("k0")))
	leader := func() string {
		for _, n := range nodes {
			if replica, ok := n.host.Load().Replica(shard); ok {
				if _, leads := replica.Leader(); leads {
					return n.ID()
				}
			}
		}
		return ""
	}
	old := leader()
	a := admin0(t, nodes[0])
	await(t, "another node leads", func() bool {
		_, err := a.Transfer(ctx, uint64(shard), "")
		return err == nil && leader() != "" && leader() != old
	})
	if n, err := r.Do(ctx, "WAIT", 1, 50).Int(); leader() != old && (n != 0 || err != nil) {
		t.Errorf("WAIT for a write whose leader has gone: %d, %v, want 0, as nobody can tell", n, err)
	}
	writtenEverywhere(t, "behind a transfer", r)
}

// writtenEverywhere writes to all shards until WAIT and WAITAOF say that all nodes have it; leaderships may move meanwhile.
func writtenEverywhere(t *testing.T, what string, r *redis.Conn) {
	t.Helper()
	await(t, what+": all nodes have what was written", func() bool {
		for i := range 12 {
			if r.Set(t.Context(), fmt.Sprint("k", i), i, 0).Err() != nil {
				return false
			}
		}
		n, err := r.Do(t.Context(), "WAIT", 2, 500).Int()
		if n != 2 || err != nil {
			return false
		}
		got, err := r.Do(t.Context(), "WAITAOF", 1, 2, 500).Int64Slice()
		return fmt.Sprint(got) == "[1 2]" && err == nil
	})
}
