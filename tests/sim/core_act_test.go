package sim

import (
	"time"
)

// coreAct is one thing that the scheduler can let happen.
type coreAct uint8

const (
	actClient coreAct = iota
	actExecutor
	actTake
	actReplicate
	actAdvance
	actFSM
	actConfirm
	actDeliver
	actPass
	actTick
	actCampaign
	actVote
	actStepDown
	actTransfer
	actInstall
	actSnapshot
	actCrash
	actAbandon
	actCut
	actRelease
	actHide
	actClock
	coreActs int = iota
)

var coreWeights = [coreActs]int{
	actClient: 700, actExecutor: 2200, actTake: 1400, actReplicate: 2200, actAdvance: 900, actFSM: 2200, actConfirm: 500,
	actDeliver: 1400, actPass: 900, actTick: 1600, actCampaign: 4, actVote: 300, actStepDown: 2, actTransfer: 60, actInstall: 12,
	actSnapshot: 2, actCrash: 1, actAbandon: 25, actCut: 12, actRelease: 20, actHide: 60, actClock: 6,
}

// swarm gives every run weights of its own, so that each sees some things often and others never.
func (w *coreWorld) swarm(weights [coreActs]int, factors ...int) {
	w.total = 0
	for i, base := range weights {
		w.total += base * factors[w.r.IntN(len(factors))]
		w.weight[i] = w.total
	}
}

// act lets one thing happen, and all that follows from it at once.
func (w *coreWorld) act() {
	w.evict.act(w)
	w.perform(w.draw())
	w.wait()
	w.collect()
}

func (w *coreWorld) draw() coreAct {
	draw := w.r.IntN(w.total)
	act := coreAct(0)
	for w.weight[act] <= draw {
		act++
	}
	return act
}

func (w *coreWorld) perform(act coreAct) {
	i := w.r.IntN(coreNodes)
	for j := range coreNodes { // a leader rather than another: there most is to be done
		if other := (i + j) % coreNodes; w.nodes[other].role == coreLeader && w.r.IntN(3) > 0 {
			i = other
			break
		}
	}
	n := w.nodes[i]
	switch act {
	case actClient:
		w.client()
	case actExecutor:
		w.stepExecutor(n)
	case actTake:
		w.takeProposal(i)
	case actReplicate:
		w.replicate(i, w.r.IntN(coreNodes))
	case actAdvance:
		w.advance(i)
	case actFSM:
		n = w.nodes[w.r.IntN(coreNodes)]
		n.applySome(1+w.r.IntN(3), w.r.IntN(3)*w.r.IntN(2))
	case actConfirm:
		w.sendConfirm(i)
	case actDeliver:
		w.deliver()
	case actPass:
		n.settleConfirms(false)
	case actTick:
		w.moment.Add(1)
		time.Sleep(time.Millisecond)
		n.transfer = n.transfer && w.r.IntN(10) > 0
	case actCampaign:
		w.campaign(i)
	case actVote:
		for c, candidate := range w.nodes {
			if candidate.role == coreCandidate {
				w.vote(c, w.r.IntN(coreNodes))
				w.win(c)
			}
		}
	case actStepDown:
		w.stepDown(n)
	case actTransfer:
		w.transfer(n)
	case actInstall:
		w.install(i, w.r.IntN(coreNodes))
	case actSnapshot:
		if !n.applying && n.applied > n.snapshotIndex {
			n.snapshot, n.snapshotIndex = n.takeSnapshot(), n.applied
		}
	case actCrash:
		w.crash(i)
	case actAbandon:
		w.abandon()
	case actCut:
		w.isolate(i)
	case actRelease:
		w.release(n)
	case actHide:
		n.hidden = !n.hidden
	case actClock:
		n.wallOffset += time.Duration(w.r.IntN(400)-200) * time.Millisecond
		if w.r.IntN(10) == 0 {
			n.wallOffset += time.Hour
		}
	}
}

func (w *coreWorld) stepExecutor(n *coreNode) {
	n.driver.Step()
	w.wait()
}

// isolate cuts a node off, a leader rather than another, and often lets another one win at once.
func (w *coreWorld) isolate(i int) {
	if w.cut == i+1 || w.r.IntN(2) == 0 {
		w.cut = 0
		return
	}
	w.cut = i + 1
	for j, n := range w.nodes {
		if w.r.IntN(3) > 0 && n.role == coreLeader {
			w.cut = j + 1
		}
	}
	if w.r.IntN(2) == 0 {
		w.hurry((w.cut + w.r.IntN(2)) % coreNodes)
	}
}

// hurry lets a node ask for votes at once.
func (w *coreWorld) hurry(candidate int) {
	w.campaign(candidate)
	for range 4 {
		w.vote(candidate, w.r.IntN(coreNodes))
		w.win(candidate)
	}
}

// release asks a leader to release.
func (w *coreWorld) release(n *coreNode) {
	if n.role != coreLeader || n.releasing != nil || n.released {
		return
	}
	outcome := make(chan error, 1)
	n.releasing = outcome
	exec, ctx := n.exec, w.ctx
	go func() { outcome <- exec.Release(ctx) }()
	w.wait()
}

// transfer goes on with a transfer of leadership, or lets one fail: the library refuses proposals meanwhile.
func (w *coreWorld) transfer(n *coreNode) {
	if n.releasing != nil {
		select {
		case err := <-n.releasing:
			n.releasing, n.released = nil, err == nil
			if err != nil {
				n.exec.Resume()
			} else {
				w.stat.releases++
			}
		default:
		}
	}
	switch {
	case n.released && w.r.IntN(2) == 0:
		to := (n.id + 1 + w.r.IntN(2)) % coreNodes
		for range 4 {
			w.replicate(n.id, to)
		}
		if w.cut == 0 && w.r.IntN(2) == 0 {
			w.cut = n.id + 1
		}
		w.hurry(to)
	case n.released && w.r.IntN(3) == 0: // it timed out; the election may still come
		n.released, n.transfer = false, false
		n.exec.Resume()
	case n.role == coreLeader:
		n.transfer = !n.transfer && w.r.IntN(3) == 0
	}
}

// heal mends everything, elects the most complete node, and demands that every request gets its answer, that a write
// succeeds, and that all replicas end up equal.
func (w *coreWorld) heal() {
	best := w.mend()
	if w.nodes[best].role != coreLeader {
		w.fail("nobody can be elected after everything was mended")
		return
	}
	if !w.drive(best, func() bool { return len(w.open) == 0 && w.serves(best) }) {
		w.fail("%d requests have no answer although a leader is back (serving %v)", len(w.open), w.serves(best))
		return
	}
	w.evict.rules.BudgetBytes = coreLooseBytes
	w.evict.set(w)
	last := w.ask(&coreOp{kind: coreAppend}, best)
	w.drive(best, func() bool { return last.out != coreOpen })
	if last.out != coreOK {
		w.fail("the last write got outcome %d: %v", last.out, last.request.Err)
		return
	}
	w.resolve(best)
	w.drive(best, func() bool { return false })
}

// mend ends every fault and lets the most complete node win an election, if it can.
func (w *coreWorld) mend() (leader int) {
	w.cut, w.slow = 0, false
	best, term := 0, 0
	for i, n := range w.nodes {
		n.hidden, n.transfer = false, false
		if n.releasing != nil || n.released {
			n.exec.Resume()
		}
		bi, bt := w.nodes[best].last()
		if index, t := n.last(); t > bt || t == bt && index > bi {
			best = i
		}
		term = max(term, n.term)
	}
	for _, n := range w.nodes {
		w.stepDown(n)
		n.term = term
	}
	w.wait()
	w.elect(best, (best+1)%coreNodes)
	w.nodes[best].match = [coreNodes]int{}
	w.nodes[best].match[best] = len(w.nodes[best].log)
	return best
}

func (w *coreWorld) serves(i int) bool {
	term, ok := w.nodes[i].exec.Serving()
	return ok && int(term) == w.nodes[i].term && len(w.nodes[i].store.Owned()) > 0
}

// drive lets a leader and everybody else work in good order until cond holds.
func (w *coreWorld) drive(leader int, cond func() bool) bool {
	for range 120 {
		w.step++
		if w.collect(); cond() {
			return true
		}
		w.round(leader)
	}
	w.collect()
	return cond()
}

// round lets everybody do all there is to do, once.
func (w *coreWorld) round(leader int) {
	l := w.nodes[leader]
	for i, n := range w.nodes {
		for len(n.applyCh) > 0 {
			w.takeProposal(i)
		}
	}
	for p := range w.nodes {
		for range 20 {
			w.replicate(leader, p)
			if l.match[p] == len(l.log) {
				break
			}
		}
	}
	w.advance(leader)
	for p := range w.nodes {
		for range 20 {
			w.replicate(leader, p)
			if w.nodes[p].commit == l.commit {
				break
			}
		}
	}
	w.sendConfirm(leader)
	for range 4 {
		w.deliver()
	}
	w.wait()
	for _, n := range w.nodes {
		if w.linked(leader, n.id) {
			for n.applying || n.applied < n.commit {
				n.applySome(1<<20, 0)
			}
		}
		n.settleConfirms(true)
		w.wait()
		w.stepExecutor(n)
	}
	w.moment.Add(1)
	time.Sleep(time.Millisecond)
	w.wait()
}
