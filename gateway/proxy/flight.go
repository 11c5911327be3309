package proxy

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// flight is the ops that one connection of a client has at one replica elsewhere.
type flight struct {
	r *replica
	// lane is the connection to use; nil: one that is shared.
	lane   *lane
	waiter *waiter
	timer  *time.Timer
	open   []*router.Op
	sent   []*sending
}

// redirectsMax is how many redirections of one op are followed.
const redirectsMax = 5

var (
	asking = resp.AppendCommand(nil, []byte("ASKING"))
	multi  = resp.AppendCommand(nil, []byte("MULTI"))
	exec   = resp.AppendCommand(nil, []byte("EXEC"))
)

// Submit sends ops in order; with an error none is sent.
func (f *flight) Submit(submitted ...*router.Op) error {
	if f.waiter == nil {
		f.waiter = newWaiter()
	}
	first := len(f.open)
	for _, op := range submitted {
		f.open = append(f.open, op)
		f.sent = append(f.sent, f.sending(op))
	}
	f.waiter.open.Add(int64(len(submitted)))
	if f.watched(submitted) {
		return f.sendWatched(first)
	}
	if err := f.send(f.open[first:], f.sent[first:]); err != nil {
		f.waiter.open.Add(-int64(len(submitted)))
		f.open, f.sent = f.open[:first], f.sent[:first]
		return refusal(f.r.shard, f.r.addr, err)
	}
	return nil
}

// watched tells whether what is submitted is a transaction whose keys are watched.
func (f *flight) watched(submitted []*router.Op) bool {
	return f.r.watching != nil && len(submitted) == 1 && submitted[0].Block != nil
}

// sendWatched sends a transaction over the connection that watches its keys. Where that is gone, nobody knows whether they have
// changed, and it is as if they had.
func (f *flight) sendWatched(first int) error {
	op, s := f.open[first], f.sent[first]
	if f.r.watching.send(func(dst []byte) []byte { return appendOp(dst, op) }, s) != nil {
		s.reply = f.aborted()
		s.done.landed()
	}
	return nil
}

// aborted is the reply to a transaction whose watched keys have changed.
func (f *flight) aborted() []byte { return resp.NullArray().Append(nil, f.r.session.Proto) }

// sending is an op that is about to be sent.
func (f *flight) sending(op *router.Op) *sending {
	s := &sending{replies: 1, done: f.waiter}
	if op.Block != nil {
		s.replies = len(op.Block) + 2
	}
	return s
}

// refusal is why an op was not sent. Whoever asked looks for the leader anew.
func refusal(shard slot.ShardID, addr string, err error) error {
	switch err {
	case errQueueFull:
		return apierr.New(apierr.KindBusy, "shard %d: node at %s: %w; not applied, retry later", shard, addr, err)
	case errClosed:
		return err
	}
	var stranger *apierr.Error
	if errors.As(err, &stranger) && stranger.Kind == apierr.KindNoAuth {
		return stranger
	}
	return apierr.New(apierr.KindNotLeader, "shard %d: its leader at %s can't be reached: %w; not applied, retry", shard, addr, err)
}

func (f *flight) send(submitted []*router.Op, sendings []*sending) error {
	l := f.lane
	if l == nil {
		var err error
		if l, err = f.r.pool.lane(f.r.addr, f.r.session); err != nil {
			return err
		}
	}
	return l.send(func(dst []byte) []byte {
		for _, op := range submitted {
			dst = appendOp(dst, op)
		}
		return dst
	}, sendings...)
}

func appendOp(dst []byte, op *router.Op) []byte {
	if op.Block == nil {
		return resp.AppendCommand(dst, op.Command...)
	}
	dst = append(dst, multi...)
	for _, command := range op.Block {
		dst = resp.AppendCommand(dst, command...)
	}
	return append(dst, exec...)
}

// Wait returns when every op has its answer, or has been given up at the deadline.
func (f *flight) Wait(deadline time.Time) {
	if len(f.open) == 0 {
		return
	}
	if !f.await(deadline) {
		f.giveUp()
	} else {
		for i, op := range f.open {
			f.settle(op, f.sent[i])
		}
		if f.lane == nil {
			f.follow(deadline)
		}
	}
	if f.watched(f.open) {
		f.r.Unwatch()
	}
	clear(f.open)
	clear(f.sent)
	f.open, f.sent = f.open[:0], f.sent[:0]
}

// await waits for all replies; false: the deadline came first.
func (f *flight) await(deadline time.Time) bool {
	if f.waiter.open.Load() == 0 {
		return true
	}
	if f.timer == nil {
		f.timer = time.NewTimer(time.Until(deadline))
	} else {
		f.timer.Reset(time.Until(deadline))
	}
	defer f.timer.Stop()
	for f.waiter.open.Load() != 0 {
		select {
		case <-f.waiter.wake:
		case <-f.timer.C:
			return false
		}
	}
	return true
}

// giveUp answers all ops at the deadline. Replies that come later find nobody.
func (f *flight) giveUp() {
	for _, op := range f.open {
		f.giveUpOne(op, f.r.addr)
	}
}

func (f *flight) giveUpOne(op *router.Op, addr string) {
	f.waiter = nil
	if op.Err = apierr.New(apierr.KindUnknownOutcome, "shard %d: node at %s gave no answer in time; outcome unknown, read before you retry", f.r.shard, addr); op.ReadOnly {
		op.Err = apierr.New(apierr.KindDeadline, "shard %d: node at %s gave no answer in time; nothing was changed, retry", f.r.shard, addr)
	}
	if l, err := f.r.pool.lane(addr, f.r.session); err == nil {
		l.doubt()
	}
}

// settle gives an op its answer.
func (f *flight) settle(op *router.Op, s *sending) {
	op.Err, op.Reply = nil, s.reply
	switch {
	case s.err == nil:
		op.Err = redirection(s.reply)
	case op.ReadOnly || !s.sent:
		op.Err = apierr.Of(refusal(f.r.shard, f.r.addr, s.err))
	default:
		op.Err = apierr.New(apierr.KindUnknownOutcome, "shard %d: the connection to its leader broke: %w; outcome unknown, read before you retry", f.r.shard, s.err)
	}
}

// redirection is the MOVED or ASK that a reply is, nil for another one.
func redirection(reply []byte) *apierr.Error {
	moved := bytes.HasPrefix(reply, []byte("-MOVED "))
	if !moved && !bytes.HasPrefix(reply, []byte("-ASK ")) {
		return nil
	}
	words := bytes.Fields(reply)
	if len(words) != 3 {
		return nil
	}
	n, err := strconv.Atoi(string(words[1]))
	if err != nil || n < 0 || n >= slot.Count {
		return nil
	}
	if moved {
		return apierr.Moved(slot.ID(n), string(words[2]))
	}
	return apierr.Ask(slot.ID(n), string(words[2]))
}

// follow sends ops that were redirected to where they belong, one after another.
func (f *flight) follow(deadline time.Time) {
	for i, op := range f.open {
		for range redirectsMax {
			if op.Err == nil || op.Err.Kind != apierr.KindMoved && op.Err.Kind != apierr.KindAsk {
				break
			}
			f.r.pool.cfg.Doubted()
			if f.watched(f.open) { // and nobody watches its keys where it belongs
				op.Err, op.Reply = nil, f.aborted()
				break
			}
			if f.overtaken(i) {
				op.Err = apierr.New(apierr.KindTryAgain, "slot %d changed hands between commands of a pipeline; not applied, retry", op.Err.Slot)
				break
			}
			f.repeat(op, deadline)
		}
		if op.Err != nil && (op.Err.Kind == apierr.KindMoved || op.Err.Kind == apierr.KindAsk) {
			op.Err = apierr.New(apierr.KindTryAgain, "slot %d: no node keeps it; not applied, retry", op.Err.Slot)
		}
	}
}

// overtaken tells whether an op behind the i-th one, on the same slot, took effect.
func (f *flight) overtaken(i int) bool {
	for _, later := range f.open[i+1:] {
		if later.Slot == f.open[i].Slot && !later.ReadOnly && (later.Err == nil || later.Err.Result() != apierr.OutcomeNotApplied) {
			return true
		}
	}
	return false
}

// repeat sends an op to where its last answer says.
func (f *flight) repeat(op *router.Op, deadline time.Time) {
	to := op.Err
	if f.waiter == nil {
		f.waiter = newWaiter()
	}
	l, err := f.r.pool.lane(to.Addr, f.r.session)
	s := f.sending(op)
	if to.Kind == apierr.KindAsk {
		s.replies++
	}
	if err == nil {
		f.waiter.open.Add(1)
		if err = l.send(func(dst []byte) []byte {
			if to.Kind == apierr.KindAsk {
				dst = append(dst, asking...)
			}
			return appendOp(dst, op)
		}, s); err != nil {
			f.waiter.open.Add(-1)
		}
	}
	switch {
	case err != nil:
		op.Err = apierr.Of(refusal(f.r.shard, to.Addr, err))
	case f.await(deadline):
		f.settle(op, s)
	default:
		f.giveUpOne(op, to.Addr)
	}
}
