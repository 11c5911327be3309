package raftfsm

import (
	"reflect"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// slotOfK is where the keys k, {k}2 and so on are.
var slotOfK = slot.Of([]byte("k"))

func only(s slot.ID) []slot.Range { return []slot.Range{{First: s, Last: s}} }

// source is a replica that owns all slots and has keys in the slot of k.
func source() *replica {
	r := newReplica()
	r.start(1000)
	r.put(entry.EncodeOwn(r.next(1100), []slot.Range{{First: 0, Last: slot.Count - 1}}))
	r.set(r.next(1200), "k", "v", 0)
	r.set(r.next(1300), "{k}2", "w", 99_000)
	return r
}

// target is a replica that owns nothing.
func target() *replica {
	r := newReplica()
	r.index = 50
	r.start(1000)
	return r
}

func (r *replica) freeze(id uint64, ranges []slot.Range) {
	r.put(entry.EncodeFreeze(r.next(2000), entry.Freeze{Migration: id, To: 9, Ranges: ranges}))
}
func (r *replica) unfreeze(id uint64) {
	r.put(entry.EncodeUnfreeze(r.next(2000), entry.Unfreeze{Migration: id}))
}
func (r *replica) drop(id uint64) { r.put(entry.EncodeDrop(r.next(2000), entry.Drop{Migration: id})) }
func (r *replica) imports(id uint64, ranges []slot.Range) {
	r.put(entry.EncodeImport(r.next(2000), entry.Import{Migration: id, From: 8, Ranges: ranges}))
}
func (r *replica) chunk(c entry.Chunk) { r.put(entry.EncodeChunk(r.next(2000), c)) }
func (r *replica) activate(id uint64) {
	r.put(entry.EncodeActivate(r.next(2000), entry.Activate{Migration: id}))
}
func (r *replica) discard(id uint64) {
	r.put(entry.EncodeDiscard(r.next(2000), entry.Discard{Migration: id}))
}
func (r *replica) noteEnd(id uint64, ranges []slot.Range) {
	r.put(entry.EncodeMigrationEnd(r.next(2000), entry.MigrationEnd{Migration: id, Ranges: ranges}))
}

// state is what the replica may do with a slot.
func (r *replica) state(s slot.ID) store.SlotState { return r.slotState(s) }

func item(key, value string) entry.Item {
	return entry.Item{Key: []byte(key), Value: []byte(value), Type: entry.TypeString, Version: 5}
}

func items(items ...entry.Item) []entry.Part {
	return []entry.Part{{Slot: slotOfK, Items: items}}
}

// busy is a replica of which every field of State is set, with hand-overs of both sides under way and others ended.
func busy() *replica {
	r := newReplica()
	r.start(1000)
	r.put(entry.EncodeOwn(r.next(1100), []slot.Range{{First: 0, Last: 7000}}))
	r.set(r.next(1200), "foo{bar}", "there", 0)
	r.freeze(11, []slot.Range{{First: 5, Last: 70}, {First: 90, Last: 90}})
	r.imports(12, []slot.Range{{First: slotOfK, Last: slotOfK + 1}})
	r.chunk(entry.Chunk{Migration: 12, Attempt: entry.Attempt{Incarnation: 7, Counter: 2}, Parts: items(item("k", "staged"))})
	r.chunk(entry.Chunk{Migration: 12, Attempt: entry.Attempt{Incarnation: 7, Counter: 2}, Sequence: 1, Final: true, Version: 1 << 50, Time: 77})
	r.noteEnd(3, []slot.Range{{First: 100, Last: 200}, {First: 300, Last: 300}})
	r.noteEnd(4, []slot.Range{{First: 150, Last: 160}})
	r.put(entry.EncodeLeaseRelease(r.next(1500)))
	return r
}

// A whole hand-over: what the source had is at the target then, and at the target only.
func TestSlotsMoveFromSourceToTarget(t *testing.T) {
	s, d := source(), target()
	d.imports(3, only(slotOfK))
	at := entry.Attempt{Incarnation: s.State().Incarnation, Counter: 1}
	d.chunk(entry.Chunk{Migration: 3, Attempt: at, Parts: items(item("k", "v"))})
	s.freeze(3, only(slotOfK))
	if got := s.state(slotOfK); got != store.SlotFrozen {
		t.Fatalf("the source's slot is in state %d, want frozen", got)
	}
	h, _ := s.State().Handover(3)
	if want := (Handover{Migration: 3, Side: SideSource, Other: 9, Ranges: only(slotOfK), FreezeVersion: s.State().Version}); !reflect.DeepEqual(h, want) {
		t.Errorf("got %+v, want %+v", h, want)
	}
	d.chunk(entry.Chunk{Migration: 3, Attempt: at, Sequence: 1, Final: true, Version: s.State().Version, Time: 7_000, Parts: items(item("{k}2", "w"))})
	h, _ = d.State().Handover(3)
	if want := (Handover{Migration: 3, Side: SideTarget, Other: 8, Ranges: only(slotOfK), Attempt: at, Next: 2, Final: true,
		FinalVersion: s.State().Version, FinalTime: 7_000, FinalIndex: d.index}); !reflect.DeepEqual(h, want) {
		t.Errorf("got %+v, want %+v", h, want)
	}
	d.activate(3)
	s.drop(3)
	if got := d.state(slotOfK); got != store.SlotOwned {
		t.Errorf("the target's slot is in state %d, want owned", got)
	}
	if got := s.state(slotOfK); got != store.SlotNotOwned || s.store.Len() != 0 {
		t.Errorf("the source's slot is in state %d and it has %d keys, want none", got, s.store.Len())
	}
	if d.value("k") != "v" || d.value("{k}2") != "w" {
		t.Errorf("the target has %q and %q, want v and w", d.value("k"), d.value("{k}2"))
	}
	for name, r := range map[string]*replica{"source": s, "target": d} {
		if len(r.State().Handovers) != 0 || r.State().EndedAt(slotOfK) != 3 || r.State().EndedAt(slotOfK+1) != 0 {
			t.Errorf("the %s has hand-overs %+v and says that %d has ended, want none and 3", name, r.State().Handovers, r.State().EndedAt(slotOfK))
		}
		if err := r.store.Check(); err != nil {
			t.Error(err)
		}
	}
	if got := d.State().Time; got != 7_000 {
		t.Errorf("the target's time is %d, want 7000", got)
	}
}
