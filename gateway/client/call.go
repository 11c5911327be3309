package client

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

const (
	// attemptMax is for how long one attempt is waited for: longer than a server holds a call (1 s) and then waits for its
	// commit (1.5 s). One that takes longer is lost, and its connection with it.
	attemptMax = 3 * time.Second
	// pauseMin and pauseMax bound the pause before the next attempt, which doubles.
	pauseMin = 5 * time.Millisecond
	pauseMax = 200 * time.Millisecond
	// idMargin is by how much the end of an id lies behind the last attempt: clocks of nodes may differ by so much.
	idMargin = 5 * time.Second
)

// call is one call with all its attempts.
type call struct {
	c *Client
	// request makes the message of an attempt: each has its own, because the one before may still be on its way to be encoded.
	request func(*cachev1.CallOptions) *cachev1.PipelineCall
	options *cachev1.CallOptions
	slot    slot.ID
	bytes   int
	// writes tells that the call may change something; named that it carries an id.
	writes, named bool
	// until is when the last attempt ends.
	until time.Time
	// perhaps tells that an attempt was sent of which nothing is known.
	perhaps bool
	// last is why the last attempt failed.
	last *apierr.Error

	// hint is where the last answer has sent the call, asking whether the slot is on its way there.
	hint   string
	asking bool
	// unreachable are addresses that this call could not be sent to.
	unreachable map[string]bool
	attempts    int
}

// newCall prepares a call, and gives it an id where it is to have one.
func (c *Client) newCall(ctx context.Context, request func(*cachev1.CallOptions) *cachev1.PipelineCall, options *cachev1.CallOptions, s slot.ID, writes bool) *call {
	budget := c.cfg.RetryMax
	if deadline, ok := ctx.Deadline(); ok {
		budget = min(budget, time.Until(deadline))
	}
	l := &call{c: c, request: request, options: options, slot: s, writes: writes, until: time.Now().Add(budget)}
	if l.named = writes && c.cfg.Retries == RetryOnce; l.named {
		id := binary.BigEndian.AppendUint64(make([]byte, 0, 16), c.number)
		options.RequestId = binary.BigEndian.AppendUint64(id, c.sequence.Add(1))
		options.RequestIdUntilMs = c.topology.now() + (max(budget, 0) + idMargin).Milliseconds()
	}
	return l
}

// run makes attempts until one is answered, or none may follow.
func (l *call) run(ctx context.Context) (*cachev1.PipelineReply, error) {
	pause := pauseMin
	for {
		changed := l.c.topology.change()
		reply, again := l.attempt(ctx, changed)
		switch {
		case reply != nil:
			return reply, nil
		case !again:
			return nil, l.failure()
		case ctx.Err() != nil:
			return nil, l.gaveUp(ctx.Err())
		case !time.Now().Before(l.until):
			return nil, l.failure()
		case l.hint != "":
			continue // somebody is known to serve it
		}
		if !l.pause(ctx, changed, pause) {
			return nil, l.gaveUp(ctx.Err())
		}
		pause = min(2*pause, pauseMax)
	}
}

// pause waits a while, or until the map has changed; false means that the context has ended.
func (l *call) pause(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-l.c.ctx.Done():
	}
	return true
}

// attempt makes one attempt. again tells whether another may follow where there is no reply.
func (l *call) attempt(ctx context.Context, changed <-chan struct{}) (reply *cachev1.PipelineReply, again bool) {
	addr, direct := l.next()
	to, err := l.c.link(addr)
	if err != nil {
		l.last = apierr.Of(err)
		return nil, l.c.ctx.Err() == nil
	}
	l.attempts++
	l.c.counters.attempts.Add(1)
	f := &flight{call: l.message(direct), bytes: l.bytes, done: make(chan landing, 1)}
	if err := to.submit(f); err != nil {
		return nil, l.broken(addr, landing{err: err})
	}
	landed, lost := l.await(ctx, f, to, addr, direct, changed)
	switch {
	case landed.reply != nil && landed.reply.GetError() == nil:
		return landed.reply, false
	case landed.reply != nil:
		return nil, l.refused(landed.reply.GetError())
	case lost:
		to.giveUp()
	}
	return nil, l.broken(addr, landed)
}

// await waits for an attempt to land. It is given up where another node is known by now to lead the shard, because the one that
// it was sent to may be cut off from the others; lost tells that there was no answer in all the time that one may take.
func (l *call) await(ctx context.Context, f *flight, to *link, addr string, direct bool, changed <-chan struct{}) (landed landing, lost bool) {
	timer := time.NewTimer(min(attemptMax, max(time.Until(l.until), 0)))
	defer timer.Stop()
	began := time.Now()
	for {
		var cause error
		select {
		case landed = <-f.done:
			return landed, false
		case <-changed:
			changed = l.c.topology.change()
			if now, known := l.c.topology.latest.Load().leaderOf(l.slot); !direct || !known || now == addr || l.asking || !l.repeatable() {
				continue
			}
			cause = errMoved
		case <-timer.C:
			cause, lost = errNoAnswer, time.Since(began) >= attemptMax
		case <-ctx.Done():
			cause = ctx.Err()
		}
		sent := to.withdraw(f)
		select {
		case landed = <-f.done: // at the last moment
			return landed, false
		default:
		}
		return landing{err: cause, sent: sent}, lost
	}
}

// repeatable tells whether the call may be sent again although an attempt may have been applied.
func (l *call) repeatable() bool { return !l.writes || l.named }

// next is where the next attempt goes: where the last answer has sent it, or to the leader. Where that can't be reached, or is not
// known, it goes to any other node, which forwards it.
func (l *call) next() (addr string, direct bool) {
	if l.hint != "" && !l.unreachable[l.hint] {
		addr, l.hint = l.hint, ""
		return addr, true
	}
	l.hint, l.asking = "", false
	if addr, known := l.c.topology.latest.Load().leaderOf(l.slot); known && !l.unreachable[addr] {
		return addr, true
	}
	addrs := l.c.topology.addrs()
	for i := range addrs {
		if addr = addrs[(l.attempts+i)%len(addrs)]; !l.unreachable[addr] {
			return addr, false
		}
	}
	l.unreachable = nil // all of them were tried: from the beginning
	return addrs[l.attempts%len(addrs)], false
}

// message is that of one attempt.
func (l *call) message(direct bool) *cachev1.PipelineCall {
	return l.request(&cachev1.CallOptions{
		AckMode: l.options.GetAckMode(), ReadMode: l.options.GetReadMode(), NoForward: direct, Asking: direct && l.asking,
		RequestId: l.options.GetRequestId(), RequestIdUntilMs: l.options.GetRequestIdUntilMs(),
	})
}
