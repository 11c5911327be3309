package migration

import (
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// half is the slots that most tests move.
var half = slot.Range{First: 0, Last: slot.Count/2 - 1}

// fill sets keys, some with an expiry, some of them large.
func (w *world) fill(n int) map[string]store.Item {
	w.t.Helper()
	want := map[string]store.Item{}
	large := make([]byte, 200<<10)
	for i := range n {
		k := w.key(fmt.Sprintf("key:%d", i))
		value, expireAt := []byte(fmt.Sprintf("value %d", i)), int64(0)
		if i%100 == 0 {
			value = append(value, large...)
		}
		if i%3 == 0 {
			expireAt = time.Now().Add(time.Duration(i+1) * time.Hour).UnixMilli()
		}
		var version uint64
		k.do(func(tx *executor.Tx) { version = tx.Set(k.name, value, entry.TypeString, expireAt) })
		want[string(k.name)] = store.Item{Value: value, Type: entry.TypeString, ExpireAt: expireAt, Version: version}
	}
	return want
}

// holds checks that a shard's replicas hold exactly the keys of ranges that are wanted, and nothing else.
func (w *world) holds(shard slot.ShardID, ranges []slot.Range, want map[string]store.Item) {
	w.t.Helper()
	w.settle()
	for _, r := range w.groups[shard].replicas {
		found := 0
		for s := range slot.Count {
			sl := r.store.Slot(slot.ID(s))
			sl.RLock()
			owned := sl.StateLocked()
			inside := contains(ranges, slot.ID(s))
			if (owned == store.SlotOwned) != inside || owned != store.SlotOwned && owned != store.SlotNotOwned {
				w.t.Fatalf("replica %s: slot %d is in state %d, want it owned: %v", r.name, s, owned, inside)
			}
			for key, got := range sl.AllLocked() {
				found++
				item, ok := want[string(key)]
				if !ok || string(got.Value) != string(item.Value) || got.ExpireAt != item.ExpireAt || got.Version != item.Version || got.Type != item.Type {
					w.t.Errorf("replica %s: key %s holds %.20q, expiry %d, version %d, want %.20q, expiry %d, version %d", r.name, key, got.Value, got.ExpireAt, got.Version, item.Value, item.ExpireAt, item.Version)
				}
			}
			sl.RUnlock()
		}
		expected := 0
		for key := range want {
			if contains(ranges, slot.Of([]byte(key))) {
				expected++
			}
		}
		if found != expected {
			w.t.Errorf("replica %s holds %d keys, want %d", r.name, found, expected)
		}
	}
}

func contains(ranges []slot.Range, s slot.ID) bool {
	for _, r := range ranges {
		if r.Contains(s) {
			return true
		}
	}
	return false
}

var otherHalf = slot.Range{First: slot.Count / 2, Last: slot.Count - 1}

func TestSlotsMoveWithValuesExpiriesVersionsAndStamps(t *testing.T) {
	w := newWorld(t)
	want := w.fill(2000)
	// A stamp of the past shows whether stamps travel.
	key := w.key("key:1")
	for i := 1; !half.Contains(key.slot); i++ {
		key = w.key(fmt.Sprintf("key:%d", i))
	}
	source := w.groups[1].led()
	sl := source.store.Slot(key.slot)
	sl.Lock()
	old := store.LRU(time.Now().Add(-time.Hour).UnixMilli())
	sl.GetTouchLocked(key.name, func(store.Access) store.Access { return old })
	sl.Unlock()

	id := w.start(1, 2, half)
	if m := w.ended(id); m.Phase != meta.MigrationCommitted {
		t.Fatalf("the migration is %v: %s", m.Phase, m.Reason)
	}
	w.holds(1, []slot.Range{otherHalf}, want)
	w.holds(2, []slot.Range{half}, want)
	target := w.groups[2].led().store.Slot(key.slot)
	target.RLock()
	defer target.RUnlock()
	if item, _ := target.GetLocked(key.name); item.Access != old {
		t.Errorf("the access stamp of key %s is %d, want %d", key.name, item.Access, old)
	}
}

func TestSlotsMoveForthAndBackUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.fill(500)
	l := w.load(8, 20)
	for i := 0; i < 4 || l.ops.Load() < 2000; i++ {
		from, to := slot.ShardID(1+i%2), slot.ShardID(2-i%2)
		if m := w.ended(w.start(from, to, half)); m.Phase != meta.MigrationCommitted {
			t.Fatalf("migration %d is %v: %s", m.ID, m.Phase, m.Reason)
		}
	}
	l.finish()
}

func TestManyMigrationsRunAtATime(t *testing.T) {
	w := newWorld(t)
	want := w.fill(1000)
	l := w.load(4, 20)
	var ids []uint64
	for i := range slot.ID(16) {
		ids = append(ids, w.start(1, 2, slot.Range{First: i * 512, Last: i*512 + 511}))
	}
	for _, id := range ids {
		if m := w.ended(id); m.Phase != meta.MigrationCommitted {
			t.Errorf("migration %d is %v: %s", id, m.Phase, m.Reason)
		}
	}
	l.finish()
	for _, k := range l.keys {
		k.do(func(tx *executor.Tx) { tx.Delete(k.name) })
	}
	w.holds(1, []slot.Range{otherHalf}, want)
	w.holds(2, []slot.Range{half}, want)
}
