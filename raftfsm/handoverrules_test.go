package raftfsm

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

var (
	firstAttempt  = entry.Attempt{Incarnation: 7, Counter: 1}
	secondAttempt = entry.Attempt{Incarnation: 7, Counter: 2}
)

func effects(effects ...entry.Effect) []entry.Part {
	return []entry.Part{{Slot: slotOfK, Effects: effects}}
}

func setTo(key, value string, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), Version: version}
}

// Rule 15: a new attempt begins with its chunk 0, an attempt goes on with the next chunk, and nothing follows the final one.
func TestTargetTakesOnlyTheChunkThatComesNext(t *testing.T) {
	older := entry.Attempt{Incarnation: 6, Counter: 9}
	later := entry.Attempt{Incarnation: 8, Counter: 1}
	chunk := func(a entry.Attempt, sequence uint64) entry.Chunk {
		return entry.Chunk{Migration: 3, Attempt: a, Sequence: sequence, Parts: effects(setTo("k", fmt.Sprint(a, "/", sequence), 9))}
	}
	for name, c := range map[string]struct {
		final bool // the chunk before is the final one
		chunk entry.Chunk
		takes bool
	}{
		"the next one":                          {false, chunk(secondAttempt, 2), true},
		"the same again":                        {false, chunk(secondAttempt, 1), false},
		"the first again":                       {false, chunk(secondAttempt, 0), false},
		"one is missing":                        {false, chunk(secondAttempt, 3), false},
		"an older stream of the incarnation":    {false, chunk(firstAttempt, 2), false},
		"an older stream that begins again":     {false, chunk(firstAttempt, 0), false},
		"an older incarnation":                  {false, chunk(older, 0), false},
		"a later stream of the incarnation":     {false, chunk(entry.Attempt{Incarnation: 7, Counter: 3}, 0), true},
		"a later incarnation":                   {false, chunk(later, 0), true},
		"a later attempt that does not begin":   {false, chunk(later, 2), false},
		"the next one behind the final one":     {true, chunk(secondAttempt, 2), false},
		"a later attempt behind the final one":  {true, chunk(later, 0), false},
		"the final one again":                   {true, chunk(secondAttempt, 1), false},
		"another migration's":                   {false, entry.Chunk{Migration: 4, Attempt: secondAttempt, Sequence: 2}, false},
		"a slot that is not handed over":        {false, entry.Chunk{Migration: 3, Attempt: secondAttempt, Sequence: 2, Parts: []entry.Part{{Slot: slotOfK + 1, Drop: true}}}, false},
		"an item of another slot than it says":  {false, entry.Chunk{Migration: 3, Attempt: secondAttempt, Sequence: 2, Parts: items(item("k", "x"), item("foreign", "x"))}, false},
		"a change of another slot than it says": {false, entry.Chunk{Migration: 3, Attempt: secondAttempt, Sequence: 2, Parts: effects(setTo("k", "x", 9), setTo("foreign", "x", 9))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := target()
			r.imports(3, only(slotOfK))
			r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Parts: items(item("{k}first", "x"))})
			r.chunk(entry.Chunk{Migration: 3, Attempt: secondAttempt, Parts: items(item("{k}second", "x"))})
			r.chunk(entry.Chunk{Migration: 3, Attempt: secondAttempt, Sequence: 1, Final: c.final})
			before, digest := r.State().Handovers, r.store.Digest()
			h, _ := r.State().Handover(3)
			if err := h.Takes(&c.chunk); (err == nil) != c.takes {
				t.Errorf("asked beforehand it says %v", err)
			}
			r.chunk(c.chunk)
			after := r.State().Handovers
			if took := !reflect.DeepEqual(before, after); took != c.takes || took != (r.store.Digest() != digest) {
				t.Fatalf("hand-overs were %+v and are %+v, content changed: %v, want taken: %v", before, after, r.store.Digest() != digest, c.takes)
			}
			if c.takes && (after[0].Attempt != c.chunk.Attempt || after[0].Next != c.chunk.Sequence+1) {
				t.Errorf("after chunk %d of attempt %v: %+v", c.chunk.Sequence, c.chunk.Attempt, after[0])
			}
			if _, is := r.has("{k}first"); is {
				t.Error("what the first attempt brought is there")
			}
			if _, is := r.has("{k}second"); is != (after[0].Attempt == secondAttempt) {
				t.Errorf("what the second attempt brought is there: %v, while the attempt is %v", is, after[0].Attempt)
			}
		})
	}
}

// keys counts what is in the slot of k.
func (r *replica) keys() int {
	sl := r.store.Slot(slotOfK)
	sl.RLock()
	defer sl.RUnlock()
	return sl.LenLocked()
}

func (r *replica) has(key string) (store.Item, bool) {
	sl := r.store.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	return sl.GetLocked([]byte(key))
}

// Rule 17: each side of a migration ends it, and only the side and the migration that a record is for.
func TestOnlyTheRecordedOutcomeEndsAHandOver(t *testing.T) {
	for _, side := range []Side{SideSource, SideTarget} {
		ends := map[string]func(r *replica, id uint64){
			"unfreeze": (*replica).unfreeze, "drop": (*replica).drop, "activate": (*replica).activate, "discard": (*replica).discard,
			"note": func(r *replica, id uint64) { r.noteEnd(id, only(slotOfK)) },
		}
		want := map[Side]map[string]store.SlotState{
			SideSource: {"unfreeze": store.SlotOwned, "drop": store.SlotNotOwned},
			SideTarget: {"activate": store.SlotOwned, "discard": store.SlotNotOwned},
		}[side]
		for name, end := range ends {
			begun := func() (*replica, store.SlotState) {
				if side == SideSource {
					r := source()
					r.freeze(3, only(slotOfK))
					return r, store.SlotFrozen
				}
				r := target()
				r.imports(3, only(slotOfK))
				r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Final: true, Version: 1, Parts: items(item("k", "v"))})
				return r, store.SlotImporting
			}
			for _, id := range []uint64{2, 4} { // an end of another migration
				r, state := begun()
				end(r, id)
				if _, open := r.State().Handover(3); !open || r.state(slotOfK) != state {
					t.Errorf("side %d: %s of migration %d ended migration 3", side, name, id)
				}
			}
			r, state := begun()
			keys := r.keys()
			end(r, 3)
			to, ends := want[name]
			if !ends {
				to = state
			}
			_, open := r.State().Handover(3)
			if got := r.state(slotOfK); got != to || open == ends || (r.State().EndedAt(slotOfK) == 3) != ends {
				t.Errorf("side %d: after %s the slot is in state %d, want %d; open %v, ended %d", side, name, got, to, open, r.State().EndedAt(slotOfK))
			}
			if kept := r.keys() == keys; kept != (to != store.SlotNotOwned) {
				t.Errorf("side %d: after %s there are %d keys of %d", side, name, r.keys(), keys)
			}
		}
	}
}

// A target that has not everything must not serve, whatever it is told.
func TestActivationNeedsTheFinalChunk(t *testing.T) {
	r := target()
	r.imports(3, only(slotOfK))
	r.activate(3)
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Parts: items(item("k", "v"))})
	r.activate(3)
	if got := r.state(slotOfK); got != store.SlotImporting {
		t.Fatalf("the slot is in state %d, want importing", got)
	}
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Sequence: 1, Final: true})
	r.activate(3)
	if got := r.state(slotOfK); got != store.SlotOwned {
		t.Errorf("the slot is in state %d, want owned", got)
	}
}

// Rules 17 and 24: a migration that has ended somewhere does not begin there again, whatever comes late and wherever it comes from,
// and each slot remembers for itself.
func TestEndedMigrationDoesNotBeginAgain(t *testing.T) {
	wide := []slot.Range{{First: slotOfK - 1, Last: slotOfK + 1}}
	for name, end := range map[string]func(*replica){
		"dropped":    func(r *replica) { r.freeze(3, only(slotOfK)); r.drop(3) },
		"unfrozen":   func(r *replica) { r.freeze(3, only(slotOfK)); r.unfreeze(3) },
		"noted":      func(r *replica) { r.noteEnd(3, only(slotOfK)) },
		"took there": func(r *replica) { r.freeze(2, only(slotOfK)); r.drop(2); take(r, 3) },
		"discarded": func(r *replica) {
			r.freeze(2, only(slotOfK))
			r.drop(2)
			r.imports(3, only(slotOfK))
			r.discard(3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := source()
			end(r)
			began := func(id uint64, ranges []slot.Range) bool {
				r.freeze(id, ranges)
				r.imports(id, ranges)
				_, open := r.State().Handover(id)
				return open
			}
			for _, id := range []uint64{0, 1, 3} {
				if began(id, only(slotOfK)) || began(id, wide) {
					t.Errorf("migration %d began after migration 3 had ended", id)
				}
			}
			if lowest, highest := r.State().EndedFor(wide); lowest != 0 || highest != 3 {
				t.Errorf("ended are %d to %d, want 0 to 3", lowest, highest)
			}
			if !began(1, only(slotOfK+1)) {
				t.Error("a migration of another slot did not begin")
			}
			if !began(4, only(slotOfK)) {
				t.Error("a later migration did not begin")
			}
		})
	}
}

// take makes a target of a replica, with one key.
func take(r *replica, id uint64) {
	r.imports(id, only(slotOfK))
	r.chunk(entry.Chunk{Migration: id, Attempt: firstAttempt, Final: true, Parts: items(item("k", "v"))})
	r.activate(id)
}

// A hand-over begins for all its slots or for none.
func TestHandOverBeginsForAllSlotsOrNone(t *testing.T) {
	wide := []slot.Range{{First: slotOfK - 1, Last: slotOfK + 1}}
	r := source()
	r.freeze(3, only(slotOfK))
	r.freeze(4, wide)
	r.imports(5, wide)
	r.freeze(6, nil)
	r.freeze(3, only(slotOfK+1)) // the same migration with other slots
	if got := r.state(slotOfK + 1); len(r.State().Handovers) != 1 || got != store.SlotOwned {
		t.Errorf("hand-overs %+v; the slot beside is in state %d, want owned", r.State().Handovers, got)
	}
	r.drop(3)
	r.imports(7, wide)
	r.noteEnd(8, only(slotOfK))
	if len(r.State().Handovers) != 0 || r.state(slotOfK) != store.SlotNotOwned {
		t.Errorf("hand-overs %+v; the slot is in state %d, want not owned", r.State().Handovers, r.state(slotOfK))
	}
}

// Rule 18: what the target gives out next is above everything that the source gave out until it froze, and above its own.
func TestActivationRaisesTheVersionAboveTheSources(t *testing.T) {
	for _, c := range []struct{ first, final uint64 }{{5, 1 << 40}, {5, 6}, {0, 0}} {
		r := target()
		own := r.State().Version
		r.imports(3, only(slotOfK))
		r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Version: c.first, Time: 1, Parts: items(item("k", "v"))})
		r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Sequence: 1, Final: true, Version: c.final, Time: 1 << 42})
		r.activate(3)
		if got := r.State(); got.Version <= max(own, c.final) || got.Time != 1<<42 {
			t.Errorf("final version %d, own %d: the target goes on at version %d, time %d", c.final, own, got.Version, got.Time)
		}
	}
}

// Changes are sent while keys are still being copied: a change of a part of a key may come before the key.
func TestChangeOfAKeyThatWasNotCopiedYetIsLeftOut(t *testing.T) {
	r := target()
	r.imports(3, only(slotOfK))
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Parts: []entry.Part{
		{Slot: slotOfK, Effects: []entry.Effect{
			{Kind: entry.EffectPatch, Key: []byte("k"), Value: []byte("X"), Version: 8},
			{Kind: entry.EffectExpire, Key: []byte("{k}2"), ExpireAt: 70_000, Version: 9},
			{Kind: entry.EffectDel, Key: []byte("{k}3"), Reason: entry.ReasonDelete, Version: 10},
		}},
	}})
	if r.keys() != 0 {
		t.Fatalf("%d keys came of changes of keys that are not there", r.keys())
	}
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Sequence: 1, Parts: []entry.Part{
		{Slot: slotOfK, Items: []entry.Item{
			{Key: []byte("k"), Value: []byte("Xbc"), Type: entry.TypeString, Version: 8, Access: 0xabcdef},
			{Key: []byte("{k}2"), Value: []byte("v"), Type: 77, Version: 9, ExpireAt: 70_000, Access: 1},
		}},
		{Slot: slotOfK, Effects: []entry.Effect{{Kind: entry.EffectPatch, Key: []byte("k"), Offset: 1, Value: []byte("YZ"), Version: 11}}},
	}})
	k, _ := r.has("k")
	if string(k.Value) != "XYZ" || k.Version != 11 || k.Access != 0xabcdef || k.Type != entry.TypeString {
		t.Errorf("k is %q, %+v", k.Value, k)
	}
	two, _ := r.has("{k}2")
	if string(two.Value) != "v" || two.Version != 9 || two.ExpireAt != 70_000 || two.Access != 1 || two.Type != 77 {
		t.Errorf("{k}2 is %q, %+v", two.Value, two)
	}
	// A slot that was emptied comes as a part; what stands behind it in the part stays.
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Sequence: 2, Parts: []entry.Part{
		{Slot: slotOfK, Drop: true, Items: []entry.Item{item("{k}4", "v")}, Effects: []entry.Effect{setTo("{k}5", "w", 12)}},
	}})
	if _, is := r.has("k"); is || r.value("{k}4") != "v" || r.value("{k}5") != "w" || r.keys() != 2 {
		t.Errorf("after the slot was emptied: k there %v, %q, %q, %d keys", is, r.value("{k}4"), r.value("{k}5"), r.keys())
	}
	if err := r.store.Check(); err != nil {
		t.Error(err)
	}
}

// Rule 14: what the executor has sequenced behind a freeze cannot be a write to a frozen slot. If it is, stopping beats losing it.
func TestBatchOnASlotThatIsNotServedStopsTheReplica(t *testing.T) {
	for name, begin := range map[string]func(*replica){
		"frozen":    func(r *replica) { r.freeze(3, only(slotOfK)) },
		"importing": func(r *replica) { r.freeze(2, only(slotOfK)); r.drop(2); r.imports(3, only(slotOfK)) },
		"not owned": func(r *replica) { r.freeze(2, only(slotOfK)); r.drop(2) },
	} {
		stops := func(write func(*replica)) (stopped string) {
			r := source()
			begin(r)
			defer func() { stopped = fmt.Sprint(recover()) }()
			write(r)
			return ""
		}
		set := stops(func(r *replica) { r.set(r.next(1), "k", "v", 0) })
		drop := stops(func(r *replica) {
			r.put(entry.AppendBatch(nil, r.next(1), &entry.Batch{Drops: only(slotOfK)}))
		})
		if !strings.Contains(set, "in state") || strings.Contains(drop, "in state") == (name == "not owned") {
			t.Errorf("%s: a write gives %q, an emptying %q", name, set, drop)
		}
	}
}

// The first slots are no hand-over: they are those that no hand-over has to do with.
func TestFirstSlotsAreNotThoseOfHandOvers(t *testing.T) {
	r := target()
	r.imports(3, only(5))
	r.imports(4, only(6))
	r.discard(4)
	r.put(entry.EncodeOwn(r.next(1), []slot.Range{{First: 0, Last: 9}}))
	for s, want := range map[slot.ID]store.SlotState{4: store.SlotOwned, 5: store.SlotImporting, 6: store.SlotNotOwned, 7: store.SlotOwned} {
		if got := r.state(s); got != want {
			t.Errorf("slot %d is in state %d, want %d", s, got, want)
		}
	}
}

// Whoever waits for a hand-over hears of each of its records, with the state after it, before the record counts as applied.
func TestListenerHearsOfHandOvers(t *testing.T) {
	heard := &order{}
	r := &replica{FSM: New(7, store.New(), heard)}
	r.start(1)
	r.imports(3, only(slotOfK))
	r.chunk(entry.Chunk{Migration: 3, Attempt: firstAttempt, Final: true, Parts: items(item("k", "v"))})
	r.activate(3)
	r.unfreeze(3)
	if got, want := strings.Join(heard.what, " "), "open:1 applied open:1 applied open:0 applied open:0 applied"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

type order struct {
	deaf
	what []string
}

func (o *order) Applied(entry.Header, uint64) { o.what = append(o.what, "applied") }
func (o *order) HandoverChanged(s State) {
	o.what = append(o.what, fmt.Sprint("open:", len(s.Handovers)))
}
func (o *order) SectionAppliedLocked(entry.Header, *entry.Section) {
	o.what = append(o.what, "section")
}
func (o *order) SlotDroppedLocked(entry.Header, slot.ID) { o.what = append(o.what, "dropped") }
