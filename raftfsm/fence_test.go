package raftfsm

import (
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

func (r *replica) value(key string) string {
	sl := r.store.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	item, _ := sl.GetLocked([]byte(key))
	return string(item.Value)
}

// Rule 1.
func TestRecordAppliesIfItDirectlyFollowsTheOneItWasEvaluatedOn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*entry.Header)
		want   string
	}{
		"the next one":           {func(*entry.Header) {}, "new"},
		"the same again":         {func(h *entry.Header) { h.Sequence-- }, "old"},
		"a gap":                  {func(h *entry.Header) { h.Sequence++ }, "old"},
		"an older incarnation":   {func(h *entry.Header) { h.Incarnation-- }, "old"},
		"an incarnation to come": {func(h *entry.Header) { h.Incarnation++ }, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplica().owns()
			r.index = 10
			r.start(1)
			r.set(r.next(2), "k", "old", 0)
			h := r.next(3)
			c.change(&h)
			r.set(h, "k", "new", 0)
			if got := r.value("k"); got != c.want {
				t.Errorf("k is %q, want %q", got, c.want)
			}
			if skipped := r.deaf.skipped == 1; skipped != (c.want == "old") {
				t.Errorf("%d records were reported as skipped", r.deaf.skipped)
			}
		})
	}
}

// Rules 8 and 30.
func TestStartLeapsOverTheVersionsOfDroppedBatches(t *testing.T) {
	r := newReplica().owns()
	r.start(1)
	before := r.State().Version
	r.start(1)
	if got := r.State().Version - before; got < 1<<20 {
		t.Errorf("a start raises the version by %d", got)
	}
}

// Rule 20: entries that raft appends for itself do not count, and a batch, or a start, does.
func TestReleaseIsFollowedDirectlyOnlyByTheNextSequencedRecord(t *testing.T) {
	r := full()
	r.index++
	r.Apply(&raft.Log{Index: r.index, Term: 4, Type: raft.LogNoop})
	if !r.State().Released {
		t.Error("an entry that is no record ended the release")
	}
	r.start(1)
	if r.State().Released {
		t.Error("a start did not end the release")
	}
	r.put(entry.EncodeLeaseRelease(r.next(1)))
	r.set(r.next(1), "k", "v", 0)
	if r.State().Released {
		t.Error("a batch did not end the release")
	}
	late := r.next(1)
	late.Sequence += 5
	r.put(entry.EncodeLeaseRelease(late))
	if r.State().Released {
		t.Error("a release that failed the fence counts")
	}
}

// Rule 30: what was logged never goes back.
func TestTimeOfRecordsNeverGoesBack(t *testing.T) {
	r := newReplica().owns()
	r.start(1000)
	r.set(r.next(500), "k", "v", 0)
	r.start(700)
	if got := r.State().Time; got != 1000 {
		t.Errorf("time is %d, want 1000", got)
	}
}

func TestEntryThatWasAppliedBeforeStopsTheReplica(t *testing.T) {
	r := full()
	defer func() {
		if recover() == nil {
			t.Error("an entry was applied twice")
		}
	}()
	r.Apply(&raft.Log{Index: r.index, Term: 3, Type: raft.LogNoop})
}

// witness looks into the store while it is told of effects.
type witness struct {
	deaf
	t     *testing.T
	store *store.Store
	told  int
}

func (w *witness) SectionAppliedLocked(_ entry.Header, s *entry.Section) {
	for _, e := range s.Effects {
		w.told++
		if item, _ := w.store.Slot(s.Slot).GetLocked(e.Key); item.Version != e.Version {
			w.t.Errorf("told of version %d of %s while the store holds version %d", e.Version, e.Key, item.Version)
		}
	}
}

func (w *witness) SlotDroppedLocked(_ entry.Header, s slot.ID) {
	w.told++
	if n := w.store.Slot(s).LenLocked(); n != 0 {
		w.t.Errorf("told of the emptying of slot %d while it holds %d keys", s, n)
	}
}

// Rule 5: whoever forgets a pending value on hearing of its effect leaves no moment in which readers see neither.
func TestListenerHearsOfEffectsThatAreInTheStore(t *testing.T) {
	st := store.New()
	w := &witness{t: t, store: st}
	r := (&replica{FSM: New(7, st, w)}).owns()
	r.start(1)
	r.set(r.next(2), "k", "v", 0)
	r.set(r.next(3), "k", "w", 0)
	r.put(entry.AppendBatch(nil, r.next(4), &entry.Batch{Version: r.State().Version + 1, Drops: []slot.Range{{First: slot.Of([]byte("k")), Last: slot.Of([]byte("k"))}}}))
	if w.told != 3 {
		t.Errorf("told %d times, want 3", w.told)
	}
}
