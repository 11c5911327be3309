package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// heartbeatQueue parks the heartbeats of all groups to one node and sends them in one frame per tick. The
// first after an idle tick goes at once. The timer runs only while something is parked.
type heartbeatQueue struct {
	t    *Transport
	lane *lane

	mu       sync.Mutex // protects the fields below
	parked   []*heartbeatCall
	lastSent time.Time
}

// heartbeatCall is one parked heartbeat. It is always finished: by its reply, by the end of its connection,
// or by the timeout of its frame.
type heartbeatCall struct {
	group *Group
	item  []byte              // encoded: the flush must not read raft's request after the call has returned
	done  chan heartbeatReply // capacity 1
}

func (c *heartbeatCall) finish(r heartbeatReply) {
	select {
	case c.done <- r:
	default:
	}
}

// sendHeartbeat parks one heartbeat until its reply is there.
func (g *Group) sendHeartbeat(node string, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if err := g.checkSuspended(); err != nil {
		return err
	}
	l, err := g.t.link(node)
	if err != nil {
		return err
	}
	life := g.life(node)
	c := &heartbeatCall{
		group: g,
		item:  appendHeartbeat(nil, heartbeat{g.id, args.RPCHeader, args.Term, args.Leader}),
		done:  make(chan heartbeatReply, 1),
	}
	if err := l.heartbeats.park(c); err != nil {
		return err
	}
	select {
	case r := <-c.done:
		*resp = r.response.AppendEntriesResponse
		switch {
		case r.err != nil:
			g.silent(node)
		case resp.Success && resp.Term == args.Term:
			g.heardApplied(node, life, args.Term, r.response.applied)
		}
		return r.err
	case <-g.stopped:
		return ErrClosed
	}
}

// park adds a call, and arranges the flush if it is the first one.
func (q *heartbeatQueue) park(c *heartbeatCall) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parked) > 0 {
		q.parked = append(q.parked, c)
		return nil
	}
	wait := q.t.cfg.HeartbeatTick - time.Since(q.lastSent)
	if !q.t.spawn(func() { q.flushAfter(wait) }) {
		return ErrClosed
	}
	q.parked = append(q.parked, c)
	return nil
}

func (q *heartbeatQueue) flushAfter(wait time.Duration) {
	if wait > 0 {
		tick := time.NewTimer(wait)
		defer tick.Stop()
		select {
		case <-tick.C:
		case <-q.t.closing:
		}
	}
	q.mu.Lock()
	parked := q.parked
	q.parked, q.lastSent = nil, time.Now()
	q.mu.Unlock()
	for len(parked) > 0 {
		n := fitFrame(parked)
		q.send(parked[:n])
		parked = parked[n:]
	}
}

// fitFrame says how many calls fit into one frame.
func fitFrame(calls []*heartbeatCall) int {
	size := frameHeaderBytes + 4
	for i, c := range calls {
		if size += len(c.item); size > controlFrameBytesMax && i > 0 {
			return i
		}
	}
	return len(calls)
}

// send sends one frame and waits until its calls are finished.
func (q *heartbeatQueue) send(parked []*heartbeatCall) {
	batch := &heartbeatBatch{node: q.lane.node, done: make(chan struct{})}
	for _, c := range parked {
		if err := c.group.checkSuspended(); err != nil { // it may have changed since the call was parked
			c.finish(heartbeatReply{err: err})
			continue
		}
		batch.calls = append(batch.calls, c)
	}
	if len(batch.calls) == 0 {
		return
	}
	batch.left = len(batch.calls)
	timer := time.NewTimer(q.t.cfg.RPCTimeout.Control)
	defer timer.Stop()
	out, err := q.lane.get(nil, timer.C)
	if err != nil {
		batch.fail(err)
		return
	}
	began := time.Now()
	id, err := out.begin(batch, frameHeartbeats, batch.encode)
	if err != nil {
		batch.fail(err)
		return
	}
	q.t.count.heartbeatFrames.Add(1)
	q.t.count.heartbeats.Add(uint64(len(batch.calls)))
	select {
	case <-batch.done:
	case <-timer.C:
		q.t.count.timeouts.Add(1)
		out.suspect(began)
		batch.fail(fmt.Errorf("heartbeat to node %s: %w (%v)", q.lane.node, ErrTimeout, q.t.cfg.RPCTimeout.Control))
	case <-q.t.closing:
		batch.fail(ErrClosed)
	}
	out.forget(id)
	batch.fail(fmt.Errorf("heartbeat to node %s: %w: no reply to this group", q.lane.node, ErrMalformed))
}

// heartbeatBatch is the calls of one frame. Its replies come in one frame or several.
type heartbeatBatch struct {
	node  string
	calls []*heartbeatCall
	left  int // without a reply; used by the reader only
	once  sync.Once
	done  chan struct{} // closed when left reaches 0 or the batch fails
}

func (b *heartbeatBatch) encode(buf []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(b.calls)))
	for _, c := range b.calls {
		buf = append(buf, c.item...)
	}
	return buf
}

// receive runs on the reader. Finishing a call twice does nothing, so a repeated position can only end the
// batch early, and then send fails the other calls.
func (b *heartbeatBatch) receive(f frame) bool {
	d := decoder{rest: f.body}
	var replies []heartbeatReply
	switch f.kind {
	case frameHeartbeatReplies:
		replies = d.heartbeatReplies(b.node)
	case frameError:
		err := d.remoteError(b.node)
		for i := range b.calls {
			replies = append(replies, heartbeatReply{position: uint32(i), err: err})
		}
	default:
		d.fail("not a reply to heartbeats")
	}
	if err := d.end(); err != nil {
		replies = nil
		for i := range b.calls {
			replies = append(replies, heartbeatReply{position: uint32(i), err: err})
		}
	}
	for _, r := range replies {
		if int64(r.position) < int64(len(b.calls)) && b.left > 0 {
			b.calls[r.position].finish(r)
			if b.left--; b.left == 0 {
				b.end()
			}
		}
	}
	return b.left == 0
}

func (b *heartbeatBatch) fail(err error) {
	for _, c := range b.calls {
		c.finish(heartbeatReply{err: err})
	}
	b.end()
}

func (b *heartbeatBatch) end() { b.once.Do(func() { close(b.done) }) }
