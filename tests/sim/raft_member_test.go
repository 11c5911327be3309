package sim

import (
	"strconv"
	"testing"
	"time"
)

// A learner that lacks entries must not be taken for one that has caught up: as a voter it would hold up every commit, or
// make up a majority without them. WAIT tells a client who holds its write, so a replica that lacks it does not count either.
func TestWhoLacksEntriesHasNotCaughtUpAndAcknowledgesNothing(t *testing.T) {
	runRaft(t, raftOptions{spares: []string{"d"}}, func(w *raftWorld) {
		a := w.lead("a")
		ctx, cancel := w.within(time.Minute)
		defer cancel()
		w.must(a.replica.AddLearner(ctx, "d", a.replica.Members().Index))
		w.eventually(10*time.Second, "d catches up", func() bool { return a.replica.CaughtUp("d") })
		w.net.cut([]string{"c", "d"}, []string{"a", "b"})
		for i := range 50 {
			w.set(a, "k", strconv.Itoa(i))
		}
		last := a.replica.State().Applied
		if a.replica.CaughtUp("d") {
			t.Error("d counts as caught up without the last 50 entries")
		}
		if got := a.replica.Acknowledged(last); got != 1 {
			t.Errorf("%d other replicas hold entry %d, says the leader; want 1", got, last)
		}
		w.net.heal()
		w.eventually(time.Minute, "everybody has everything", func() bool {
			return a.replica.CaughtUp("d") && a.replica.Acknowledged(last) == 2
		})
	})
}
