package sim

import (
	"context"
	"time"
)

// The abstract Confirm: questions and answers that are lost, late and out of order. Answers count from the sending of
// their question.

type coreMsg struct {
	answer   bool
	from, to int
	term     int
	sent     time.Time
	sentStep int
	ok       bool
}

// coreConfirm is a caller of Confirm.
type coreConfirm struct {
	op     *coreOp // nil for the executor itself
	term   uint64
	start  int
	passed bool
	answer chan error
}

type coreOpKey struct{}

// Leased and Confirm are the executor's gate.
func (r *coreReplica) Leased(term uint64) bool {
	r.node.w.moment.Load()
	return !r.node.hidden && r.node.leaseHolds(int(term))
}

func (r *coreReplica) Confirm(ctx context.Context, term uint64) error {
	r.node.w.moment.Load()
	op, _ := ctx.Value(coreOpKey{}).(*coreOp)
	c := &coreConfirm{op: op, term: term, start: r.node.w.step, answer: make(chan error, 1)}
	r.mu.Lock()
	r.confirms = append(r.confirms, c)
	r.mu.Unlock()
	select {
	case err := <-c.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *coreNode) leaseHolds(term int) bool {
	if n.leaseTerm != term {
		return false
	}
	count := 1
	for p := range coreNodes {
		if p != n.id && !n.sent[p].IsZero() && time.Now().Before(n.sent[p].Add(n.w.lease)) {
			count++
		}
	}
	return count > coreNodes/2
}

func (n *coreNode) confirmedSince(step, term int) bool {
	if n.leaseTerm != term {
		return false
	}
	count := 1
	for p := range coreNodes {
		if p != n.id && n.sentStep[p] > step {
			count++
		}
	}
	return count > coreNodes/2
}

// settleConfirms lets callers through whom a quorum has confirmed. A caller that was let through may sleep for long
// before it goes on: what the gate said is of the moment at which it said it.
func (n *coreNode) settleConfirms(all bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rest := n.confirms[:0]
	for _, c := range n.confirms {
		leads := n.role == coreLeader && n.term == int(c.term) && !n.dead
		byLease := c.op != nil && c.op.byLease && n.leaseHolds(int(c.term))
		switch {
		case c.passed:
		case !leads:
			c.answer <- errCoreLost
			continue
		case byLease || n.confirmedSince(c.start, int(c.term)):
			c.passed = true
		}
		if c.passed && (all || c.op == nil || n.w.r.IntN(3) == 0) {
			c.answer <- nil
			continue
		}
		rest = append(rest, c)
	}
	n.confirms = rest
}

func (w *coreWorld) sendConfirm(i int) {
	n := w.nodes[i]
	if n.role != coreLeader {
		return
	}
	for p := range coreNodes {
		if p != i && w.r.IntN(4) > 0 {
			w.msgs = append(w.msgs, coreMsg{from: i, to: p, term: n.term, sent: time.Now(), sentStep: w.step})
		}
	}
}

func (w *coreWorld) deliver() {
	if len(w.msgs) == 0 {
		return
	}
	j := w.r.IntN(len(w.msgs))
	m := w.msgs[j]
	if m.answer && w.slow && w.r.IntN(30) > 0 {
		return // the answer sits in a socket's buffer
	}
	w.msgs[j] = w.msgs[len(w.msgs)-1]
	w.msgs = w.msgs[:len(w.msgs)-1]
	if w.r.IntN(10) > 0 {
		w.receive(m)
	}
}

func (w *coreWorld) receive(m coreMsg) {
	n := w.nodes[m.to]
	if !m.answer {
		if w.linked(m.from, m.to) {
			w.msgs = append(w.msgs, coreMsg{answer: true, from: m.to, to: m.from, term: m.term, sent: m.sent, sentStep: m.sentStep, ok: n.term <= m.term})
		}
		return
	}
	if !m.ok || n.role != coreLeader || n.term != m.term {
		return
	}
	if n.leaseTerm != n.term {
		n.leaseTerm, n.sent, n.sentStep = n.term, [coreNodes]time.Time{}, [coreNodes]int{}
	}
	if m.sent.After(n.sent[m.from]) {
		n.sent[m.from] = m.sent
	}
	n.sentStep[m.from] = max(n.sentStep[m.from], m.sentStep)
}
