package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
)

func raftBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// sedate timings let a leader that is cut off believe in itself for almost a second, much longer than any lease, so
// that only the rules for leases keep it from answering.
func sedate() shard.Timings {
	timings := shard.DefaultTimings()
	timings.Heartbeat, timings.Election = time.Second, time.Second
	return timings
}

// deposed starts a shard with "a" as its leader and key k = old, and cuts the others off from it.
func deposed(w *raftWorld) (a *raftNode) {
	w.t.Helper()
	a = w.lead("a")
	w.set(a, "k", "old")
	w.eventually(time.Second, "a has a fresh lease", func() bool {
		ctx, cancel := w.within(time.Nanosecond)
		defer cancel()
		got, err := a.get(ctx, "k", executor.ReadLease)
		return err == nil && got == "old"
	})
	return a
}

// isolateButForAnswers cuts off "a" at a moment when answers of a kind are on their way from both others; they are held back.
func (w *raftWorld) isolateButForAnswers(kind byte) {
	w.t.Helper()
	held := w.net.counts().held
	for _, other := range []string{"b", "c"} {
		w.net.holdBack(other, "a", kind)
	}
	w.eventually(time.Second, "answers of both are on their way", func() bool { return w.net.counts().held >= held+2 })
	for _, other := range []string{"b", "c"} {
		w.net.change("a", other, func(p *raftPath) { p.cut = true })
		w.net.change(other, "a", func(p *raftPath) { p.drop = func(f frameInfo) bool { return !f.reply } })
	}
}

// PROTOCOL rule 10, "never State()": a leader that is cut off goes on believing that it leads. Its lease ends, another
// leader is elected and writes; the old one is asked.
func TestLeaderThatIsCutOffShowsNothingOld(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.net.cut([]string{"a"}, w.ids())
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		for _, mode := range []executor.ReadMode{executor.ReadLease, executor.ReadIndex} {
			w.neverStale(a, "k", "new", mode)
		}
		w.net.heal()
		w.wantGet(w.lead("b"), "k", "new")
	})
}

// PROTOCOL rule 10, D_max: another leader is elected at the very moment at which the old one has a fresh lease.
func TestNewLeaderWaitsForTheLeaseOfTheOldOne(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.net.cut([]string{"a"}, w.ids())
		cutAt := time.Now()
		b := w.elect("b", "c")
		ctx, cancel := w.within(time.Millisecond)
		defer cancel()
		if got, err := a.get(ctx, "k", executor.ReadLease); err != nil || got != "old" {
			t.Fatalf("a has no lease (%q, %v); the scenario shows nothing", got, err)
		}
		w.set(b, "k", "new")
		w.neverStale(a, "k", "new", executor.ReadLease)
		if waited, want := time.Since(cutAt), w.options.timings.LeaseMax; waited < want {
			t.Errorf("b acknowledged a write %v after a was cut off, want at least %v", waited, want)
		}
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
	})
}

// PROTOCOL rule 10, send time: the answers to the last questions before the cut arrive when the next leader serves.
func TestLateAnswersGiveNoLease(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.isolateButForAnswers(kindConfirmReply)
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		w.net.release("b", "a")
		w.net.release("c", "a")
		synctest.Wait()
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		w.neverStale(a, "k", "new", executor.ReadLease)
	})
}

// PROTOCOL rule 10, ReadIndex: a read arrives while questions are on their way; their answers count for nothing. Nor do
// answers to heartbeats that were sent before, which raft's VerifyLeader would count.
func TestReadIndexJoinsNoRoundThatIsUnderWay(t *testing.T) {
	for name, kind := range map[string]byte{"questions": kindConfirmReply, "heartbeats": kindHeartbeatReplies} {
		t.Run(name, func(t *testing.T) { readsBehindOldAnswers(t, kind) })
	}
}

func readsBehindOldAnswers(t *testing.T, kind byte) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.isolateButForAnswers(kind)
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		read := make(chan struct{})
		go func() {
			defer close(read)
			ctx, cancel := w.within(100 * time.Millisecond)
			defer cancel()
			if got, err := a.get(ctx, "k", executor.ReadIndex); err == nil && got != "new" {
				t.Errorf("k at a, which was the leader before: got %q, want an error", got)
			}
		}()
		synctest.Wait()
		w.net.release("b", "a")
		w.net.release("c", "a")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		<-read
	})
}
