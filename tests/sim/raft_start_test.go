package sim

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/transport"
)

// PROTOCOL rule 27: it takes the quorum two seconds to acknowledge anything. An executor that proposes its start again
// each time it has heard nothing for a while would supersede itself for ever.
func TestLeaderWithASlowQuorumGetsReady(t *testing.T) {
	runRaft(t, raftOptions{rpc: transport.RPCTimeout{Append: time.Minute}}, func(w *raftWorld) {
		w.lead("a")
		slow := func(p *raftPath) {
			p.slow = func(f frameInfo) time.Duration {
				if f.kind == kindAppend || f.kind == kindAppendReply {
					return time.Second
				}
				return 0
			}
		}
		for _, from := range w.ids() {
			for _, to := range w.ids() {
				w.net.change(from, to, slow)
			}
		}
		b := w.elect("b", "c")
		term, _ := b.replica.Leader()
		w.eventually(15*time.Second, "b serves", b.serves)
		if now, ok := b.replica.Executor().Serving(); !ok || now != term {
			t.Errorf("b serves in term %d, was elected in %d", now, term)
		}
		w.set(b, "k", "v")
	})
}

// A leader is cut off with writes in flight, deposed, and elected again before it has heard the end of them. Every
// write has one outcome, and it is the one that its caller was told.
func TestReelectedLeaderDoesNotTakeUpItsOldWork(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := w.lead("a")
		w.set(a, "k", "old")
		w.net.cut([]string{"a"}, w.ids())
		told := make(chan error, 1)
		go func() {
			ctx, cancel := w.within(30 * time.Second)
			defer cancel()
			_, err := a.update(ctx, "k", func(s string) string { return s + "+a" })
			told <- err
		}()
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		w.net.heal()
		w.eventually(10*time.Second, "a has caught up with b", w.level)
		w.elect("a", "c")
		w.eventually(5*time.Second, "a serves", a.serves)
		err := <-told
		if outcome(err) != apierr.OutcomeNotApplied {
			t.Errorf("the write of the deposed leader: %v; want an error that says it was not applied", err)
		}
		w.wantGet(a, "k", "new")
	})
}

// PROTOCOL rule 31: learners stay with a leader that has lost the other voters. Their answers confirm nothing.
func TestAnswersOfLearnersConfirmNothing(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate(), spares: []string{"d", "e"}}, func(w *raftWorld) {
		a := w.lead("a")
		ctx, cancel := w.within(time.Minute)
		defer cancel()
		for _, id := range []string{"d", "e"} {
			w.must(a.replica.AddLearner(ctx, id, a.replica.Members().Index))
			w.eventually(10*time.Second, id+" catches up", func() bool { return a.replica.CaughtUp(id) })
		}
		deposed(w)
		w.net.cut([]string{"a", "d", "e"}, []string{"b", "c"})
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		for _, mode := range []executor.ReadMode{executor.ReadLease, executor.ReadIndex} {
			ctx, cancel := w.within(50 * time.Millisecond)
			if got, err := a.get(ctx, "k", mode); err == nil {
				t.Errorf("mode %d: k at a is %q with the answers of learners only", mode, got)
			}
			cancel()
		}
	})
}

// PROTOCOL rule 0: messages to the leader "a" and from it are lost while it has a tail that nobody else has. The next
// leader is slow to write its first entry; meanwhile its messages to a fail, and raft captures where its log ended
// before it pauses. It commits, and the network heals: the next message ends with the common log.
func TestReturningLeaderDoesNotApplyItsOwnTail(t *testing.T) {
	for round := range 5 {
		options := raftOptions{timings: sedate(), seed: uint64(round), rpc: transport.RPCTimeout{Append: 50 * time.Millisecond}}
		runRaft(t, options, func(w *raftWorld) {
			w.lead("b")
			w.set(w.lead("a"), "k", "common") // each has had a connection to the others
			a, b := w.nodes["a"], w.nodes["b"]
			w.eventually(time.Second, "everybody has the common log", w.level)
			for _, other := range []string{"b", "c"} { // connections stay, but what they carry is lost
				lose := func(p *raftPath) { p.drop = func(f frameInfo) bool { return f.kind > kindPong } }
				w.net.change("a", other, lose)
				w.net.change(other, "a", lose)
			}
			for i := range 10 {
				ctx, cancel := w.within(20 * time.Millisecond)
				err := a.set(ctx, keyOf("tail", i), "never")
				cancel()
				if err == nil {
					t.Fatal("a leader that is cut off committed")
				}
			}
			tail := a.replica.LastIndex() - b.replica.LastIndex()
			if tail == 0 {
				t.Fatal("a has no tail; the scenario shows nothing")
			}
			release := w.disks["b"].HangSync(3) // behind term and vote: the first entry of its term
			w.timeoutNow("c", "b")
			time.Sleep(700 * time.Millisecond)
			release()
			w.eventually(5*time.Second, "b serves", b.serves)
			for i := range 8 {
				w.set(b, keyOf("acked", i), "v")
			}
			w.net.heal()
			w.eventually(30*time.Second, "a has what was committed", func() bool {
				return a.replica.State().Applied == b.replica.State().Applied
			})
			if refused := a.transport.Stats().NotClampedRefused; refused != 0 {
				t.Errorf("a was sent %d commit indexes beyond the entries of their message", refused)
			}
			ctx, cancel := w.within(time.Second)
			defer cancel()
			for i := range 10 {
				if got, err := a.get(ctx, keyOf("tail", i), executor.ReadStale); err != nil || got != "" {
					t.Errorf("%s at a: got %q, err %v; it was never committed", keyOf("tail", i), got, err)
				}
			}
			for i := range 8 {
				if got, err := a.get(ctx, keyOf("acked", i), executor.ReadStale); err != nil || got != "v" {
					t.Errorf("%s at a: got %q, err %v; want %q", keyOf("acked", i), got, err, "v")
				}
			}
		})
	}
}

func keyOf(prefix string, i int) string { return fmt.Sprintf("%s%d", prefix, i) }

// patientIncr increments a counter at whoever leads, for a second at most. It never repeats an increment that may have
// been done.
func (w *raftWorld) patientIncr(key string) error {
	ctx, cancel := w.within(time.Second)
	defer cancel()
	for {
		var last error
		for _, id := range w.options.members {
			_, err := w.nodes[id].incr(ctx, key)
			if err == nil {
				return nil
			}
			if outcome(err) != apierr.OutcomeNotApplied || ctx.Err() != nil {
				return fmt.Errorf("%s at %s: %w", key, id, err)
			}
			last = err
		}
		if !sleep(ctx, time.Millisecond) {
			return last
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// number reads a counter.
func (w *raftWorld) number(n *raftNode, key string) (i int) {
	w.t.Helper()
	ctx, cancel := w.within(10 * time.Second)
	defer cancel()
	value, err := n.get(ctx, key, executor.ReadIndex)
	w.must(err)
	if value != "" {
		if _, err := fmt.Sscan(value, &i); err != nil {
			w.t.Fatalf("%s is %q: %v", key, value, err)
		}
	}
	return i
}
