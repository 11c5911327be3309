package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// A node's maxmemory bounds every shard that it holds a replica of. Under noeviction writes that need memory are refused
// then, and nothing else is; under another policy keys go and writes pass.
func TestMaxmemoryOfOneNodeBoundsTheShards(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shard := c.ShardIDs()[0]
	keys := c.Keys(shard)
	conn, err := workload.Dial(c.Leader(shard).Node.Addr.RESP, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	do := func(args ...string) (string, error) {
		got, err := conn.Do(cluster.Deadline, args...)
		return fmt.Sprint(got), err
	}
	const limit = 6 << 20 // three shards: 2 MiB each
	configure(t, c.Nodes[1], "maxmemory", fmt.Sprint(limit))
	value := strings.Repeat("v", 10_000)
	full, written := false, 0
	for ; written < 1000 && !full; written++ {
		if _, err := do("SET", keys("k", written), value); err != nil {
			if full = strings.HasPrefix(err.Error(), "OOM command not allowed when used memory > 'maxmemory'"); !full {
				t.Fatal(err)
			}
		}
	}
	if !full || written < 100 || written > 220 {
		t.Fatalf("refused %v after %d values of 10 KB in 2 MiB", full, written)
	}
	for _, command := range [][]string{{"GET", keys("k", 0)}, {"DEL", keys("k", 0)}, {"EXPIRE", keys("k", 1), "100"}} {
		if _, err := do(command...); err != nil {
			t.Errorf("%s on a full shard: %v", command[0], err)
		}
	}
	configure(t, c.Nodes[2], "maxmemory-policy", "allkeys-lru")
	cluster.Eventually(t, "keys go to make room", func() error {
		_, err := do("SET", keys("new", 0), value)
		return err
	})
	for i := range 300 {
		if _, err := do("SET", keys("more", i), value); err != nil {
			t.Fatal(err)
		}
	}
	info := mustAsk(t, c.Leader(shard).Node, "INFO", "stats")
	if strings.Contains(info, "evicted_keys:0\r\n") || !strings.Contains(info, "evicted_keys:") {
		t.Errorf("no key was counted as evicted:\n%s", info)
	}
}
