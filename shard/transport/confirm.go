package transport

import (
	"context"
	"fmt"
	"time"
)

// Confirm asks a node whether the terms of its replicas are still at most those of q (PROTOCOL rules 10 and 31).
// ok[i] answers q[i]. sent is taken before the question is encoded: a lease counts from it, never from the reply.
// An error means that nothing is known. Confirm waits as long as ctx and RPCTimeout.Control allow.
func (t *Transport) Confirm(ctx context.Context, node string, q []GroupTerm) (ok []bool, sent time.Time, err error) {
	if len(q) > confirmGroupsMax {
		return nil, sent, fmt.Errorf("confirm of %d groups: at most %d at once", len(q), confirmGroupsMax)
	}
	l, err := t.link(node)
	if err != nil {
		return nil, sent, err
	}
	timer := time.NewTimer(t.cfg.RPCTimeout.Control)
	defer timer.Stop()
	out, err := l.control.get(ctx.Done(), timer.C)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, sent, fmt.Errorf("confirm with node %s: %w", node, err)
	}
	c := newUnaryCall()
	sent = time.Now()
	id, err := out.begin(c, frameConfirm, func(b []byte) []byte { return appendConfirm(b, q) })
	if err != nil {
		return nil, sent, fmt.Errorf("confirm with node %s: %w", node, err)
	}
	select {
	case r := <-c.done:
		ok, err = decodeConfirmReply(r, node, len(q))
		t.withholdSuspended(q, ok)
		return ok, sent, err
	case <-timer.C:
		t.count.timeouts.Add(1)
		out.suspect(sent)
		err = ErrTimeout
	case <-ctx.Done():
		err = ctx.Err()
	case <-t.closing:
		err = ErrClosed
	}
	out.forget(id)
	return nil, sent, fmt.Errorf("confirm with node %s: %w", node, err)
}

func decodeConfirmReply(r unaryResult, node string, n int) ([]bool, error) {
	body, err := r.body(node, frameConfirmReply)
	if err != nil {
		return nil, err
	}
	d := decoder{rest: body}
	ok := d.confirmReply(n)
	return ok, d.end()
}

// withholdSuspended lets the lease of a group die whose own disk hangs on this node.
func (t *Transport) withholdSuspended(q []GroupTerm, ok []bool) {
	for i := range ok {
		if g := t.group(q[i].Group); ok[i] && g != nil && holds(&g.suspended) {
			ok[i] = false
		}
	}
}

// answerConfirm runs on the reader: it touches no consumer, so no group can delay it.
func (t *Transport) answerConfirm(q []GroupTerm) []bool {
	ok := make([]bool, len(q))
	f := t.confirm.Load()
	if f == nil || *f == nil {
		return ok
	}
	for i, gt := range q {
		g := t.group(gt.Group)
		ok[i] = g != nil && !holds(&g.suspended) && (*f)(gt)
	}
	return ok
}
