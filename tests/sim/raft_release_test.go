package sim

import (
	"testing"
	"time"

	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore/crashstore"
)

// releaseWithoutCampaign hands leadership over in the background; the message that lets the next leader campaign is held back.
func (w *raftWorld) releaseWithoutCampaign(n *raftNode, to string) (done chan error) {
	w.t.Helper()
	w.net.holdBack(n.id, to, kindTimeoutNow)
	held := w.net.counts().held
	done = make(chan error, 1)
	go func() {
		ctx, cancel := w.within(10 * time.Second)
		defer cancel()
		done <- n.replica.Transfer(ctx, to)
	}()
	w.eventually(time.Second, "the leader lets "+to+" campaign", func() bool { return w.net.counts().held > held })
	if !n.replica.State().Released {
		w.t.Fatalf("%s has not committed its release", n.id)
	}
	return done
}

// PROTOCOL rule 20: a transfer fails, the leader goes on with a lease, and only then the message arrives that makes the
// next one campaign. The release is no longer the last record, so the next leader waits.
func TestLeaderThatGoesOnAfterAFailedTransferIsWaitedFor(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		if err := <-w.releaseWithoutCampaign(a, "b"); err == nil {
			t.Fatal("the transfer succeeded; the scenario shows nothing")
		}
		w.eventually(5*time.Second, "a serves again", a.serves)
		w.wantGet(a, "k", "old")
		w.net.release("a", "b")
		w.net.cut([]string{"a"}, w.ids())
		b := w.nodes["b"]
		w.eventually(100*time.Millisecond, "b leads", b.leads)
		w.neverStale(a, "k", "old", executor.ReadLease)
		w.set(b, "k", "new")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		w.neverStale(a, "k", "new", executor.ReadLease)
	})
}

// PROTOCOL rule 20, "directly follows": a release further back in the log is no reason to serve at once.
func TestReleaseFurtherBackInTheLogSavesNoWait(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		if err := <-w.releaseWithoutCampaign(a, "b"); err == nil {
			t.Fatal("the transfer succeeded; the scenario shows nothing")
		}
		w.eventually(5*time.Second, "a serves again", a.serves)
		w.set(a, "k", "older")
		w.set(a, "k", "old")
		w.wantGet(a, "k", "old")
		w.net.cut([]string{"a"}, w.ids())
		b := w.elect("b", "c")
		w.set(b, "k", "new")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		w.neverStale(a, "k", "new", executor.ReadLease)
	})
}

// PROTOCOL rule 20: a leader whose own wait is not over cannot release, because an earlier one may still have a lease.
func TestLeaderThatStillWaitsReleasesNothing(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := deposed(w)
		w.net.cut([]string{"a"}, w.ids())
		cutAt := time.Now()
		b, c := w.elect("b", "c"), w.nodes["c"]
		var refused error
		for time.Since(cutAt) < w.options.timings.LeaseMax/2 {
			ctx, cancel := w.within(10 * time.Millisecond)
			if err := b.replica.Transfer(ctx, "c"); err != nil {
				refused = err
			}
			cancel()
			time.Sleep(time.Millisecond)
		}
		if refused == nil {
			t.Error("b released within its own wait")
		}
		var next *raftNode
		w.eventually(5*time.Second, "b or c serves", func() bool {
			for _, n := range []*raftNode{b, c} {
				if n.serves() {
					next = n
				}
			}
			return next != nil
		})
		w.set(next, "k", "new")
		if !a.leads() {
			t.Fatal("a noticed; the scenario shows nothing")
		}
		w.neverStale(a, "k", "new", executor.ReadLease)
	})
}

// The leader crashes between its release and the transfer: whoever follows directly serves at once.
func TestLeaderThatFollowsAReleaseServesAtOnce(t *testing.T) {
	runRaft(t, raftOptions{timings: sedate()}, func(w *raftWorld) {
		a := w.lead("a")
		w.set(a, "k", "old")
		done := w.releaseWithoutCampaign(a, "b")
		b := w.nodes["b"]
		w.eventually(time.Second, "b has the release", func() bool { return b.replica.State().Released })
		w.crash("a", crashstore.LoseUnsynced)
		began := time.Now()
		w.elect("b", "c")
		w.eventually(5*time.Second, "b serves", b.serves)
		if took := time.Since(began); took >= w.options.timings.LeaseMax/2 {
			t.Errorf("b served %v after its election began, although it directly follows a release", took)
		}
		w.wantGet(b, "k", "old")
		w.set(b, "k", "new")
		w.net.heal()
		w.start("a")
		w.wantGet(w.lead("a"), "k", "new")
		<-done
	})
}

// Callers that are told "not the leader" try the others for a second; none of them sees a planned transfer otherwise.
func TestPlannedTransferFailsNoRequest(t *testing.T) {
	runRaft(t, raftOptions{}, func(w *raftWorld) {
		w.lead("a")
		const clients, transfers = 20, 6
		stop := make(chan struct{})
		failures := make(chan error, clients)
		writes := make(chan int, clients)
		for client := range clients {
			go func() {
				n := 0
				for {
					select {
					case <-stop:
						failures <- nil
						writes <- n
						return
					default:
					}
					if err := w.patientIncr(keyOf("c", client)); err != nil {
						failures <- err
						writes <- n
						return
					}
					n++
					time.Sleep(2 * time.Millisecond)
				}
			}()
		}
		for i := range transfers {
			w.lead([]string{"b", "c", "a"}[i%3])
			time.Sleep(300 * time.Millisecond)
		}
		close(stop)
		total := 0
		for range clients {
			if err := <-failures; err != nil {
				t.Error(err)
			}
			total += <-writes
		}
		if total < clients*transfers {
			t.Errorf("%d writes in all; the scenario shows nothing", total)
		}
		sum := 0
		leader := w.lead("a")
		for client := range clients {
			sum += w.number(leader, keyOf("c", client))
		}
		if sum != total {
			t.Errorf("counters add up to %d after %d acknowledged increments", sum, total)
		}
	})
}
