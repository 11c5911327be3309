package migration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// sender carries the queue of an attempt to whoever leads the target, on one stream after another.
type sender struct {
	wire  Wire
	open  Open
	queue *queue
	// finalSent hears that the final chunk was sent, each time that it is.
	finalSent func()
	// begun is closed once the target has answered for the first time.
	begun chan struct{}
	// arrived is closed once the target has the final chunk, and before begun where it has it from an attempt before.
	arrived chan struct{}
	// patient tells that the target is looked for as long as it takes.
	patient atomic.Bool

	mu    sync.Mutex // protects the fields below
	since time.Time  // when the target was last reached, or first looked for
	err   error      // why it is not reached now
}

// errUnreachable ends an attempt whose target has not been reached for too long: others may be sent meanwhile.
var errUnreachable = errors.New("the target cannot be reached")

func newSender(wire Wire, open Open, q *queue, finalSent func()) *sender {
	return &sender{wire: wire, open: open, queue: q, finalSent: finalSent, begun: make(chan struct{}), arrived: make(chan struct{}), since: time.Now()}
}

// run carries until the target has the final chunk, ctx ends, or the attempt cannot go on.
func (s *sender) run(ctx context.Context) error {
	var pause backoff
	for stuck := 0; ctx.Err() == nil; {
		before, _ := s.queue.arrived()
		reached, err := s.stream(ctx)
		switch {
		case err == nil:
			s.arrive()
			return nil
		case errors.Is(err, errSuperseded), errors.Is(err, errForgotten):
			return err
		}
		if _, failed := s.queue.waiting(); failed != nil {
			return failed
		}
		if err := s.lost(reached, err); err != nil {
			return err
		}
		switch now, waiting := s.queue.arrived(); {
		case now != before:
			stuck, pause = 0, backoff{}
		case reached && waiting:
			stuck++
		}
		if stuck >= s.queue.limits.StuckMax && !s.patient.Load() {
			return s.queue.fail(fmt.Errorf("%w: %d streams ended without one: %w", errStuck, stuck, err))
		}
		pause.wait(ctx)
	}
	return context.Cause(ctx)
}

// lost notes that the target is not reached; the error ends the attempt.
func (s *sender) lost(reached bool, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; reached {
		s.since = time.Now()
	}
	if time.Since(s.since) > s.queue.limits.UnreachableMax && !s.patient.Load() {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	return nil
}

// reaches tells whether there is a stream to the target now; reason says why not.
func (s *sender) reaches() bool { return s.reason() == nil }

func (s *sender) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// stream carries on one stream and returns nil once the target has the final chunk. reached tells that it has answered.
func (s *sender) stream(ctx context.Context) (reached bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil) // ends what waits for the stream
	opening := time.AfterFunc(s.queue.limits.OpenMax, func() {
		cancel(fmt.Errorf("the target did not answer within %v", s.queue.limits.OpenMax))
	})
	defer opening.Stop()
	stream, err := s.wire.Carry(ctx, s.open)
	if err != nil {
		return false, causeOf(ctx, err)
	}
	ack, err := stream.Recv()
	if err != nil {
		return false, causeOf(ctx, err)
	}
	opening.Stop()
	done, err := s.queue.resume(ack)
	if err != nil {
		return true, err
	}
	if done {
		s.arrive()
	}
	s.reached()
	if done {
		return true, nil
	}
	received, sent := make(chan error, 1), make(chan error, 1)
	running.Go(func() { received <- s.receive(stream) })
	running.Go(func() { sent <- s.send(ctx, stream) })
	return true, causeOf(ctx, s.watch(ctx, received, sent))
}

// causeOf is err, or why ctx has ended where it has.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

func (s *sender) reached() {
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	closeOnce(s.begun)
	wake(s.queue.room)
}

func (s *sender) arrive() { closeOnce(s.arrived) }

func (s *sender) hasArrived() bool {
	select {
	case <-s.arrived:
		return true
	default:
		return false
	}
}

// closeOnce closes a channel that one goroutine closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// receive takes the target's answers until it has the final chunk.
func (s *sender) receive(stream Stream) error {
	for {
		ack, err := stream.Recv()
		if err != nil {
			return err
		}
		if done, err := s.queue.acknowledge(ack); done || err != nil {
			return err
		}
	}
}

// watch waits for the end of a stream. Sending may block for as long as the target does not read, so whether it answers is
// looked at beside it.
func (s *sender) watch(ctx context.Context, received, sent <-chan error) error {
	ticker := time.NewTicker(s.queue.limits.AnswerMax / 4)
	defer ticker.Stop()
	for {
		select {
		case err := <-received:
			return err
		case err := <-sent:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			if silence, tooLong := s.queue.silent(now); tooLong {
				return fmt.Errorf("the target has not answered for %v", silence.Round(time.Millisecond))
			}
		}
	}
}

// send sends what is due until ctx ends.
func (s *sender) send(ctx context.Context, stream Stream) error {
	for {
		if _, err := s.queue.waiting(); err != nil {
			return err
		}
		for c, due := s.queue.next(); due; c, due = s.queue.next() {
			if err := stream.Send(c); err != nil {
				return err
			}
			if c.Final {
				s.finalSent()
			}
		}
		select {
		case <-s.queue.data:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
