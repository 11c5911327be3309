package node

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// succeeds repeats what may be refused while leaders change.
func succeeds(t *testing.T, what string, run func() error) {
	t.Helper()
	await(t, what, func() bool { return run() == nil })
}

// scanAll is a whole pass through the keys, with something in between each two steps. A step that is refused for a moment is asked again
// with the same cursor.
func scanAll(t *testing.T, r *redis.Client, count int64, between func(cursor uint64)) map[string]int {
	t.Helper()
	keys := map[string]int{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var step []string
		var next uint64
		succeeds(t, fmt.Sprint("SCAN ", cursor), func() (err error) {
			step, next, err = r.Scan(t.Context(), cursor, "", count).Result()
			return err
		})
		for _, key := range step {
			keys[key]++
		}
		if cursor = next; cursor != 0 {
			between(cursor)
		}
	}
	return keys
}

// The goal: one cursor goes through the keys of all shards, and misses none that is there all the time, whoever leads and whichever shard
// has its slot meanwhile. The method: in the middle of the table of one slot that slot moves to another shard, which then gets
// another leader; others come and go all the time.
func TestOneCursorGoesThroughAllShards(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3, func(c *Config) { c.RESPMode = RESPProxy })
	g := openGateway(t, nodes)
	for what, addr := range map[string]string{"gateway": g.Addresses().RESP, "node": nodes[1].Addresses().RESP} {
		r := plain(t, addr, 3)
		stays := map[string]bool{}
		var pairs []any
		for i := range 300 {
			for _, key := range []string{fmt.Sprint("stays", i), fmt.Sprint("{one}stays", i)} {
				stays[key] = true
				pairs = append(pairs, key, i)
			}
		}
		succeeds(t, "MSET", func() error { return r.MSet(t.Context(), pairs...).Err() })
		moved, steps := false, 0
		keys := scanAll(t, r, 10, func(cursor uint64) {
			steps++
			r.Set(t.Context(), fmt.Sprint("{one}comes", steps), 1, 0)
			r.Del(t.Context(), fmt.Sprint("{one}comes", steps-3))
			if at := positionSlot(cursor); !moved && at == slot.Of([]byte("one")) && cursor>>14 != 0 {
				moved = true
				moveSlot(t, nodes, at)
			}
		})
		if !moved {
			t.Errorf("%s: the pass was never in the middle of a slot", what)
		}
		missed := 0
		for key := range stays {
			if keys[key] == 0 {
				missed++
			}
		}
		if missed > 0 {
			t.Errorf("%s: %d of %d keys that stay were missed in %d steps", what, missed, len(stays), steps)
		}
		succeeds(t, "FLUSHALL", func() error { return r.FlushAll(t.Context()).Err() })
	}
}

func positionSlot(cursor uint64) slot.ID { return slot.ID(cursor % slot.Count) }

// moveSlot moves a slot to another shard, and has another node lead that.
func moveSlot(t *testing.T, nodes []*Node, s slot.ID) {
	t.Helper()
	state := nodes[0].host.Load().State()
	from := state.SlotMap().Owner(s)
	to := state.Shards()[0].ID
	if to == from {
		to = state.Shards()[1].ID
	}
	if m := migrationEnded(t, nodes, startMigration(t, nodes[0], from, to, []slot.Range{{First: s, Last: s}})); m.Phase != meta.MigrationCommitted {
		t.Fatalf("the migration is %v: %s", m.Phase, m.Reason)
	}
	a := admin0(t, nodes[0])
	await(t, "another node leads the shard that has the slot", func() bool {
		_, err := a.Transfer(t.Context(), uint64(to), "")
		return err == nil
	})
}

func TestKeysAreFoundOverAllShards(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	g := openGateway(t, nodes)
	r := plain(t, g.Addresses().RESP, 2)
	if keys := scanAll(t, r, 10, func(uint64) {}); len(keys) != 0 {
		t.Errorf("an empty cluster has %v", keys)
	}
	await(t, "RANDOMKEY finds nothing", func() bool { return r.RandomKey(t.Context()).Err() == redis.Nil })
	var pairs []any
	for i := range 30 {
		pairs = append(pairs, fmt.Sprint("a", i), i, fmt.Sprint("b", i), i)
	}
	succeeds(t, "MSET", func() error { return r.MSet(t.Context(), pairs...).Err() })
	await(t, "one SCAN with a COUNT beyond all keys gives 30 and ends", func() bool {
		keys, cursor, err := r.Scan(t.Context(), 0, "a*", 1000).Result()
		return len(keys) == 30 && cursor == 0 && err == nil
	})
	await(t, "SCAN for hashes ends and finds none", func() bool {
		keys, cursor, err := r.ScanType(t.Context(), 0, "*", 1000, "hash").Result()
		return len(keys) == 0 && cursor == 0 && err == nil
	})
	succeeds(t, "KEYS", func() error {
		keys, err := r.Keys(t.Context(), "b*").Result()
		if err == nil && len(keys) != 30 {
			t.Errorf("KEYS gives %d of 30", len(keys))
		}
		return err
	})
	seen := map[slot.ShardID]bool{}
	owner := nodes[0].host.Load().State().SlotMap().Owner
	await(t, "RANDOMKEY has given keys of all shards", func() bool {
		for range 20 {
			seen[owner(slot.Of([]byte(r.RandomKey(t.Context()).Val())))] = true
		}
		return len(seen) == 3
	})
}
