package sim

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/logstore/crashstore"
)

// The power of all nodes goes at once, in the middle of writes. appendfsync always loses nothing that was
// acknowledged. Run with everysec the same scenario loses something, or it would show nothing.
func TestMajorityWritesSurviveAPowerCutOfAllReplicas(t *testing.T) {
	for _, policy := range []logstore.SyncPolicy{logstore.SyncAlways, logstore.SyncEverySec} {
		var lost int
		runRaft(t, raftOptions{sync: policy}, func(w *raftWorld) {
			before := w.lead("a")
			acked := make(chan string, 1000)
			var clients sync.WaitGroup
			for client := range 10 {
				clients.Go(func() {
					for i := 0; before.ctx.Err() == nil; i++ {
						key := fmt.Sprintf("k%d.%d", client, i)
						ctx, cancel := w.within(time.Second)
						if before.set(ctx, key, "v") == nil {
							acked <- key
						}
						cancel()
						time.Sleep(time.Millisecond)
					}
				})
			}
			w.eventually(5*time.Second, "100 writes are acknowledged", func() bool { return len(acked) > 100 })
			for _, id := range w.ids() {
				w.crash(id, crashstore.LoseUnsynced)
			}
			w.ghosts.Wait()
			clients.Wait()
			close(acked)
			for _, id := range w.ids() {
				w.start(id)
			}
			after := w.lead("a")
			for key := range acked {
				ctx, cancel := w.within(time.Second)
				if got, err := after.get(ctx, key, executor.ReadLease); err != nil || got != "v" {
					lost++
				}
				cancel()
			}
		})
		switch {
		case policy == logstore.SyncAlways && lost > 0:
			t.Errorf("appendfsync always: %d acknowledged writes are lost", lost)
		case policy == logstore.SyncEverySec && lost == 0:
			t.Error("appendfsync everysec lost nothing; the scenario shows nothing")
		}
	}
}

// A write acknowledged early is lost only with its leader. The first leader stays; the second one is deposed before its
// followers hear of the write.
func TestAsyncWritesAreLostOnlyWithTheirLeader(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := w.lead("a")
		async := func(key string) error {
			ctx, cancel := w.within(50 * time.Millisecond)
			defer cancel()
			return a.setAck(ctx, key, "v", executor.AckAsync)
		}
		for _, other := range []string{"b", "c"} {
			w.net.holdBack("a", other, kindAppend)
		}
		w.must(async("kept"))
		if index := a.replica.CommitIndex(); index >= a.replica.LastIndex() {
			t.Fatal("the write is committed already; the scenario shows nothing")
		}
		for _, other := range []string{"b", "c"} {
			w.net.release("a", other)
		}
		w.wantGet(a, "kept", "v")

		w.net.cut([]string{"a"}, w.ids())
		w.must(async("lost"))
		time.Sleep(executorAsyncAge)
		if err := async("late"); err == nil {
			t.Error("a leader whose writes do not commit went on acknowledging them early")
		}
		b := w.elect("b", "c")
		w.set(b, "other", "v")
		w.net.heal()
		w.wantGet(b, "kept", "v")
		w.wantGet(b, "lost", "")
	})
}

// executorAsyncAge is longer than what Limits.AsyncAge is by default.
const executorAsyncAge = 150 * time.Millisecond

// hashicorp/raft#661: term and candidate of a vote are two writes. Between them c's power goes, which leaves the term of
// its vote for itself beside the candidate of an older vote: "a" gets a vote that its log does not deserve.
func TestVoteIsWrittenWholeOrNotAtAll(t *testing.T) {
	for _, test := range []struct {
		defect crashstore.Defect
		syncs  uint64 // that succeed before the power goes
		want   string
	}{
		{crashstore.NoDefect, 1, "committed"}, // the term, and not the vote
		{crashstore.NoDefect, 2, "committed"}, // both
		{crashstore.VoteInTwoSteps, 2, ""},    // term, and half of the vote: the planted bug loses the write
	} {
		name := fmt.Sprintf("defect %d, %d fsyncs", test.defect, test.syncs)
		timings := sedate()
		timings.Heartbeat, timings.Election = 10*time.Second, 10*time.Second // nobody campaigns who is not told to
		runRaft(t, raftOptions{timings: timings, defect: test.defect}, func(w *raftWorld) {
			w.lead("b")
			w.net.cut([]string{"a"}, []string{"b"})
			w.elect("a", "c") // by the vote of c
			w.net.heal()
			w.eventually(5*time.Second, "a serves and everybody follows", func() bool {
				return w.nodes["a"].serves() && w.level()
			})
			w.net.cut([]string{"c"}, w.ids())
			b := w.elect("b", "a") // without c
			w.net.heal()
			w.net.cut([]string{"a"}, w.ids()) // which lacks what follows
			w.eventually(5*time.Second, "b serves", b.serves)
			w.set(b, "k", "committed")
			w.eventually(5*time.Second, "c follows b", func() bool {
				return w.nodes["c"].replica.State().Applied == b.replica.State().Applied
			})
			gone := w.disks["c"].CutPowerAfter(test.syncs)
			w.timeoutNow("b", "c") // c campaigns
			<-gone
			w.crash("b", crashstore.LoseUnsynced)
			w.crash("c", crashstore.LoseUnsynced)
			w.ghosts.Wait()
			w.net.heal()
			w.start("c")
			w.connected("a", "c")
			w.timeoutNow("c", "a") // a campaigns
			var leader *raftNode
			w.eventually(2*time.Minute, "a or c serves", func() bool {
				leader = w.serving()
				return leader != nil
			})
			ctx, cancel := w.within(10 * time.Second)
			defer cancel()
			got, err := leader.get(ctx, "k", executor.ReadIndex)
			if err != nil || got != test.want {
				t.Errorf("%s: k at %s is %q, err %v; want %q", name, leader.id, got, err, test.want)
			}
		})
	}
}

// The leader's wall clock is 10 s ahead. A key that was seen expired there stays gone when a leader follows whose
// clock says that it lives.
func TestExpiredKeyIsNotSeenAgain(t *testing.T) {
	runRaft(t, raftOptions{}, func(w *raftWorld) {
		b := w.lead("b")
		w.stop("a")
		w.ahead["a"] = 10 * time.Second
		w.start("a")
		ctx, cancel := w.within(time.Minute)
		defer cancel()
		w.must(b.setFor(ctx, "read", "v", 8*time.Second))
		w.must(b.setFor(ctx, "untouched", "v", 8*time.Second))
		w.wantGet(b, "read", "v")
		a := w.lead("a")
		w.wantGet(a, "read", "")
		w.crash("a", crashstore.LoseUnsynced)
		next := w.lead("b")
		w.wantGet(next, "read", "")
	})
}

// 1,000 writes wait for a quorum that does not come back when the replica is closed.
func TestCloseWithRequestsUnderWayAnswersAllOfThem(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.net.cut([]string{"a"}, w.ids())
		const writes, reads = 1000, 100
		answers := make(chan error, writes+reads)
		for i := range writes {
			go func() {
				ctx, cancel := w.within(time.Hour)
				defer cancel()
				answers <- a.set(ctx, keyOf("k", i), "v")
			}()
		}
		for range reads {
			go func() {
				ctx, cancel := w.within(time.Hour)
				defer cancel()
				_, err := a.get(ctx, "k", executor.ReadIndex)
				answers <- err
			}()
		}
		time.Sleep(10 * time.Millisecond)
		if len(answers) > 0 {
			t.Fatalf("%d requests are answered already; the scenario shows nothing", len(answers))
		}
		began := time.Now()
		w.stop("a")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Close took %v", took)
		}
		for i := range writes + reads {
			select {
			case err := <-answers:
				if err == nil {
					t.Error("a request succeeded without a quorum")
				}
			case <-time.After(time.Second):
				t.Fatalf("%d of %d requests were never answered", writes+reads-i, writes+reads)
			}
		}
		if err := a.set(t.Context(), "k", "v"); apierr.Of(err).Result() != apierr.OutcomeNotApplied {
			t.Errorf("a write after Close: %v", err)
		}
	})
}
