package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/raftfsm/entry"
)

// Random runs meet faults of leases once in ten thousand: they need an old leader that still holds one, a new leader
// that is quick, and a read at the old one in just that moment. The tests of this file bring that moment about.

// directed runs a script in a world whose leases are long, with node 0 serving and one write done. In the end whatever
// clients were told is held against what was committed.
func directed(t *testing.T, script func(w *coreWorld)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w := newCoreWorld(ctx, 1, 30*time.Millisecond)
		w.slow = false
		w.elect(0, 1)
		w.mustServe(t, 0)
		w.write(t, 0)
		script(w)
		w.heal()
		if w.violation == "" {
			w.check()
		}
		if w.violation != "" {
			t.Error(w.violation)
		}
		cancel()
		for _, n := range w.nodes {
			n.close()
		}
	})
}

func (w *coreWorld) mustServe(t *testing.T, leader int) {
	t.Helper()
	if !w.drive(leader, func() bool { return w.serves(leader) }) {
		t.Fatalf("node %d does not serve", leader)
	}
}

// write appends to the first list at a leader and waits for the acknowledgement.
func (w *coreWorld) write(t *testing.T, leader int) *coreOp {
	t.Helper()
	w.step++
	o := w.ask(&coreOp{kind: coreAppend}, leader)
	if !w.drive(leader, func() bool { return o.out != coreOpen }) || o.out != coreOK {
		t.Fatalf("the write at node %d has outcome %d", leader, o.out)
	}
	return o
}

// read asks for the first list at a node that may lead no more, and lets only that node work.
func (w *coreWorld) read(node int, kind coreKind) *coreOp {
	w.step++
	o := w.ask(&coreOp{kind: kind, byLease: true}, node)
	for range 3 {
		w.step++
		w.stepExecutor(w.nodes[node])
		w.collect()
	}
	return o
}

// grantLease gives a leader the answers of all others, to questions sent now.
func (w *coreWorld) grantLease(node int) {
	n := w.nodes[node]
	n.leaseTerm = n.term
	for p := range n.sent {
		n.sent[p] = time.Now()
	}
}

// succeed cuts node 0 off and lets node 1 win at once, serve as soon as it will, and acknowledge a write.
func (w *coreWorld) succeed(t *testing.T) {
	t.Helper()
	w.cut = 1
	w.elect(1, 2)
	w.mustServe(t, 1)
	w.write(t, 1)
}

func TestCoreOldLeaderWithALeaseNeverAnswersBehindItsSuccessor(t *testing.T) {
	for _, kind := range []coreKind{coreGet, coreNX} {
		directed(t, func(w *coreWorld) {
			w.grantLease(0)
			w.succeed(t)
			w.read(0, kind)
		})
	}
}

// The value is pending at the old leader when its successor commits it, and another one after it. The old leader then
// learns of the first commit only: it must not take that for permission to answer.
func TestCoreReadOfAPendingValuePassesTheGateToo(t *testing.T) {
	directed(t, func(w *coreWorld) {
		old, next := w.nodes[0], w.nodes[1]
		w.step++
		pending := w.ask(&coreOp{kind: coreAppend}, 0)
		w.stepExecutor(old)
		for len(old.applyCh) > 0 {
			w.takeProposal(0)
		}
		index := len(old.log)
		for range 50 {
			w.replicate(0, 1)
		}
		if len(next.log) != index {
			t.Fatal("the pending write did not reach the successor")
		}
		w.cut = 1
		w.elect(1, 2)
		w.mustServe(t, 1)
		w.write(t, 1)
		w.read(0, coreGet)
		w.stepDown(old)
		old.term, old.commit = next.term, index
		old.applySome(100, 0)
		w.step++
		w.collect()
		if pending.out != coreOK {
			t.Fatalf("the pending write has outcome %d: the script is wrong", pending.out)
		}
	})
}

// mustRelease lets a leader release, up to the applied record.
func (w *coreWorld) mustRelease(t *testing.T, leader int) {
	t.Helper()
	w.release(w.nodes[leader])
	if !w.drive(leader, func() bool { return len(w.nodes[leader].releasing) > 0 }) {
		t.Fatal("the release has no outcome")
	}
	if err := <-w.nodes[leader].releasing; err != nil {
		t.Fatalf("release: %v", err)
	}
	w.nodes[leader].releasing, w.nodes[leader].released = nil, true
}

func TestCoreLeaderThatReleasedServesNothingAlthoughItsLeaseRuns(t *testing.T) {
	directed(t, func(w *coreWorld) {
		w.mustRelease(t, 0)
		w.grantLease(0)
		began := time.Now()
		w.succeed(t)
		if wait := time.Since(began); wait >= w.lease {
			t.Errorf("the successor waited %v although the lease was released", wait)
		}
		w.read(0, coreGet)
	})
}

// The transfer seems to have failed, and the election comes late.
func TestCoreLeaderThatResumesServesNothingBeforeAStartOfItsOwn(t *testing.T) {
	directed(t, func(w *coreWorld) {
		w.mustRelease(t, 0)
		w.cut = 1
		w.nodes[0].released = false
		w.nodes[0].exec.Resume()
		w.stepExecutor(w.nodes[0])
		w.grantLease(0)
		w.succeed(t)
		w.read(0, coreGet)
		w.read(0, coreNX)
	})
}

func TestCoreOnlyALeaderWhoseOwnWaitIsOverReleases(t *testing.T) {
	directed(t, func(w *coreWorld) {
		w.grantLease(0)
		w.cut = 1
		w.elect(1, 2)
		n := w.nodes[1]
		starts := w.stat.starts
		if !w.drive(1, func() bool { return w.stat.starts > starts }) || w.serves(1) {
			t.Fatal("node 1 should have started and still wait")
		}
		w.release(n)
		w.drive(1, func() bool { return len(n.releasing) > 0 })
		w.elect(2, 1)
		w.mustServe(t, 2)
		w.write(t, 2)
		w.read(0, coreGet)
	})
}

func TestCoreReleaseCountsForTheStartDirectlyBehindItOnly(t *testing.T) {
	directed(t, func(w *coreWorld) {
		w.mustRelease(t, 0)
		w.nodes[0].released = false
		w.nodes[0].exec.Resume()
		w.mustServe(t, 0)
		w.write(t, 0)
		w.grantLease(0)
		w.succeed(t)
		w.read(0, coreGet)
	})
}

// A node that leads a later term has to start anew: its state machine may be behind what others acknowledged meanwhile,
// which its executor has slept through.
func TestCoreReadinessIsOfOneTerm(t *testing.T) {
	directed(t, func(w *coreWorld) {
		old, next := w.nodes[0], w.nodes[1]
		w.cut = 1
		w.elect(1, 2)
		w.mustServeWithout(t, 1, 0)
		w.writeWithout(t, 1, 0)
		w.cut = 0
		for range 50 {
			w.replicate(1, 0)
		}
		if len(old.log) != len(next.log) {
			t.Fatal("the log did not reach the old leader")
		}
		w.elect(0, 2)
		w.stepExecutor(old)
		w.grantLease(0)
		w.read(0, coreGet)
	})
}

// mustServeWithout and writeWithout let a leader work while another node's executor and state machine sleep.
func (w *coreWorld) mustServeWithout(t *testing.T, leader, asleep int) {
	t.Helper()
	w.driveWithout(t, leader, asleep, func() bool { return w.serves(leader) })
}

func (w *coreWorld) writeWithout(t *testing.T, leader, asleep int) {
	t.Helper()
	w.step++
	o := w.ask(&coreOp{kind: coreAppend}, leader)
	w.driveWithout(t, leader, asleep, func() bool { return o.out == coreOK })
}

func (w *coreWorld) driveWithout(t *testing.T, leader, asleep int, cond func() bool) {
	t.Helper()
	third := coreNodes - leader - asleep
	for range 200 {
		w.step++
		if w.collect(); cond() {
			return
		}
		for len(w.nodes[leader].applyCh) > 0 {
			w.takeProposal(leader)
		}
		for range 20 {
			w.replicate(leader, third)
		}
		w.advance(leader)
		w.wait()
		w.nodes[leader].applySome(100, 0)
		w.stepExecutor(w.nodes[leader])
		w.moment.Add(1)
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("node %d does not get on", leader)
}

// A record that was refused leaves a gap, and the batch behind it, which the log took, is skipped: what was
// acknowledged as soon as it stood in the log would be lost under a leader that still leads.
func TestCoreAsyncWriteBehindARefusedOneIsNotAcknowledgedEarly(t *testing.T) {
	directed(t, func(w *coreWorld) {
		n := w.nodes[0]
		w.step++
		w.ask(&coreOp{kind: coreAppend, async: true}, 0)
		w.stepExecutor(n)
		second := w.ask(&coreOp{kind: coreAppend, async: true}, 0)
		if w.limits.BatchesInFlight < 2 {
			t.Fatal("this script needs two batches in flight")
		}
		n.driver.Step()
		if len(n.applyCh) != 2 {
			t.Fatalf("%d batches are proposed, want 2", len(n.applyCh))
		}
		n.transfer = true
		w.takeProposal(0)
		n.transfer = false
		w.takeProposal(0)
		w.collect()
		if second.out == coreOK {
			t.Error("a write behind a gap was acknowledged")
		}
		if h := entry.PeekHeader(n.log[len(n.log)-1].data); h.Sequence < 2 {
			t.Errorf("the second batch is not in the log: %+v", h)
		}
	})
}
