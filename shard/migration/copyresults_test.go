package migration

import (
	"bytes"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// Results of requests come with their slot, large ones in portions, and those that are put meanwhile as effects.
func TestCopyTakesResultsOfASlotAlong(t *testing.T) {
	from, to := store.New(), session.New()
	id := slot.ID(9)
	sl, sessions := from.Slot(id), from.Sessions()
	put := func(client, sequence uint64) session.Done {
		d := session.Done{ID: session.ID{Client: client, Sequence: sequence}, Until: 1000, Result: bytes.Repeat([]byte{byte(client)}, 1000)}
		sessions.PutLocked(id, d, 1)
		return d
	}
	sl.Lock()
	for i := range uint64(500) {
		put(1+i%5, i)
	}
	sl.Unlock()
	q := newQueue(first, Limits{}.withDefaults())
	portions := uint64(0)
	c := copier{store: from, queue: q, throttle: &throttle{rate: func() int64 { // asked after each portion
		portions++
		sl.Lock()
		defer sl.Unlock()
		before, behind := put(0, portions), put(9, portions%7)
		q.EffectsLocked(id, []entry.Effect{raftfsm.EffectOf(&before, 1), raftfsm.EffectOf(&behind, 1)})
		return 0
	}}}
	if err := c.slot(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if portions < 5 {
		t.Fatalf("%d portions", portions)
	}
	q.finish(1, 1)
	for _, chunk := range q.take() {
		parts, err := entry.DecodeParts(chunk.Parts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			for i := range p.Effects {
				to.PutLocked(p.Slot, raftfsm.ResultOf(&p.Effects[i]), 1)
			}
		}
	}
	if got, want := to.DigestLocked(id, 1), sessions.DigestLocked(id, 1); got != want || to.Len() != sessions.Len() {
		t.Errorf("%d results with digest %x came, want %d with %x", to.Len(), got, sessions.Len(), want)
	}
}
