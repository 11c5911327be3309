package migration

import (
	"context"
	"errors"
)

var errBroken = errors.New("the wire is broken")

// stream is a stream in memory with both its ends.
type stream struct {
	w      *world
	ctx    context.Context
	cancel context.CancelCauseFunc
	chunks chan Chunk
	acks   chan Ack
}

var _ Wire = (*world)(nil)

// Carry opens a stream to the leader of the target.
func (w *world) Carry(ctx context.Context, open Open) (Stream, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to := w.groups[open.To].led()
	if w.broken || to == nil {
		return nil, errBroken
	}
	s := &stream{w: w, chunks: make(chan Chunk, 2), acks: make(chan Ack, 2)}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	w.streams[s] = true
	w.spawn(func(world context.Context) {
		defer context.AfterFunc(world, func() { s.cancel(errBroken) })()
		err := to.driver.Receive(s.ctx, open, carrier{s})
		s.cancel(err)
		w.mu.Lock()
		delete(w.streams, s)
		w.mu.Unlock()
	})
	return s, nil
}

// cut breaks all streams.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.streams {
		s.cancel(errBroken)
	}
}

// setBroken lets no stream open, and breaks those that are.
func (w *world) setBroken(broken bool) {
	w.mu.Lock()
	w.broken = broken
	w.mu.Unlock()
	if broken {
		w.cut()
	}
}

func (s *stream) Send(c Chunk) error {
	times := 1
	s.w.mu.Lock()
	if s.w.largest > 0 && len(c.Parts) > s.w.largest {
		s.w.mu.Unlock()
		return errBroken
	}
	s.w.carried++
	if s.w.twice {
		times = 2
	}
	s.w.mu.Unlock()
	c.Parts = append([]byte(nil), c.Parts...)
	for range times {
		select {
		case s.chunks <- c:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	return nil
}

func (s *stream) Recv() (Ack, error) {
	select {
	case a := <-s.acks:
		return a, nil
	case <-s.ctx.Done():
		return Ack{}, context.Cause(s.ctx)
	}
}

// carrier is the target's end.
type carrier struct{ *stream }

func (c carrier) Recv() (Chunk, error) {
	select {
	case chunk := <-c.chunks:
		return chunk, nil
	case <-c.ctx.Done():
		return Chunk{}, context.Cause(c.ctx)
	}
}

func (c carrier) Send(a Ack) error {
	select {
	case c.acks <- a:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}
