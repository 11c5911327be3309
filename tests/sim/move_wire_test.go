package sim

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/holtcache/holt/shard/migration"
)

// moveWire carries what the driver of one node sends to the shards of others.
type moveWire struct {
	w *moveWorld
	n *raftNode
}

var (
	_ migration.Wire   = moveWire{}
	_ migration.Stream = (*moveStream)(nil)
)

var (
	errNobodyThere = errors.New("nobody is reached there")
	errStreamBroke = errors.New("the stream broke")
)

// moveStream is a stream with both its ends.
type moveStream struct {
	w        *moveWorld
	from, to string
	ctx      context.Context
	cancel   context.CancelCauseFunc
	chunks   chan migration.Chunk
	acks     chan migration.Ack
}

// moveBuffer is how many messages are on their way in one direction.
const moveBuffer = 4

// Carry opens a stream to a node that believes that it leads the target, or seldom to any other.
func (wire moveWire) Carry(ctx context.Context, open migration.Open) (migration.Stream, error) {
	w, ids := wire.w, wire.w.groups[open.To].ids()
	to := w.node(ids[w.draw(len(ids))])
	for _, id := range ids {
		if n := w.node(id); n != nil && n.leads() && w.draw(8) > 0 {
			to = n
		}
	}
	if to == nil || !w.reaches(wire.n.id, to.id) {
		return nil, errNobodyThere
	}
	s := &moveStream{w: w, from: wire.n.id, to: to.id, chunks: make(chan migration.Chunk, moveBuffer), acks: make(chan migration.Ack, moveBuffer)}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	w.mu.Lock()
	d := w.drivers[to]
	w.open[s] = true
	w.mu.Unlock()
	crashed := context.AfterFunc(to.ctx, func() { s.cancel(errNoAnswer) })
	w.streams.Go(func() {
		s.cancel(errors.Join(errStreamBroke, d.Receive(s.ctx, open, moveCarrier{s})))
		crashed()
		w.mu.Lock()
		delete(w.open, s)
		w.mu.Unlock()
	})
	return s, nil
}

// breakStreams ends all streams.
func (w *moveWorld) breakStreams() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.open {
		s.cancel(errStreamBroke)
	}
}

// travel is the time on the way, and the wait while nothing is carried.
func (s *moveStream) travel(from, to string) error {
	for pause := time.Duration(s.w.draw(int(s.w.delay))); ; pause = metaRetryEvery {
		if !sleep(s.ctx, pause) {
			return context.Cause(s.ctx)
		}
		if s.w.reaches(from, to) {
			return nil
		}
	}
}

func (s *moveStream) Send(c migration.Chunk) error {
	c.Parts = bytes.Clone(c.Parts)
	select {
	case s.chunks <- c:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

func (s *moveStream) Recv() (migration.Ack, error) {
	select {
	case a := <-s.acks:
		return a, s.travel(s.to, s.from)
	case <-s.ctx.Done():
		return migration.Ack{}, context.Cause(s.ctx)
	}
}

// moveCarrier is the target's end.
type moveCarrier struct{ s *moveStream }

func (c moveCarrier) Recv() (migration.Chunk, error) {
	select {
	case chunk := <-c.s.chunks:
		return chunk, c.s.travel(c.s.from, c.s.to)
	case <-c.s.ctx.Done():
		return migration.Chunk{}, context.Cause(c.s.ctx)
	}
}

func (c moveCarrier) Send(a migration.Ack) error {
	select {
	case c.s.acks <- a:
		return nil
	case <-c.s.ctx.Done():
		return context.Cause(c.s.ctx)
	}
}
