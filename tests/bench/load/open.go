package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// openMax is how many requests of one connection may have arrived without an answer. Beyond it the clock waits; the
// requests it then sends late still count from when they should have come.
const openMax = 1 << 16

// stream is one connection under open load.
type stream struct {
	*conn
	keys [][]byte
	// arrivals are when requests should be sent, awaited when those should have been whose reply is on its way.
	arrivals, awaited chan time.Time
}

// startOpen connects everything and then starts the clock.
func (r *run) startOpen(ctx context.Context, cancel context.CancelCauseFunc, wg *sync.WaitGroup) error {
	for i := range r.spec.Conns {
		to := r.routes.of(i)
		c, err := dial(ctx, to.addr, r.spec.Setup)
		if err != nil {
			return err
		}
		if err := c.SetDeadline(time.Time{}); err != nil {
			return err
		}
		r.streams = append(r.streams, &stream{c, to.keys, make(chan time.Time, openMax), make(chan time.Time, openMax)})
	}
	for i, s := range r.streams {
		wg.Go(func() { end(ctx, cancel, r.sendAll(ctx, s, i)) })
		wg.Go(func() {
			defer s.Close()
			end(ctx, cancel, r.receiveAll(ctx, s, r.tallies[i]))
		})
	}
	wg.Go(func() { r.clock(ctx) })
	return nil
}

// end stops the run because of an error, unless it is what stopping the run looks like.
func end(ctx context.Context, cancel context.CancelCauseFunc, err error) {
	if err != nil && ctx.Err() == nil {
		cancel(err)
	}
}

// clock lets requests arrive on connections in turn.
func (r *run) clock(ctx context.Context) {
	i := 0
	Arrivals(ctx, r.spec.Rate, func(at time.Time) {
		select {
		case r.streams[i].arrivals <- at:
		case <-ctx.Done():
		}
		i = (i + 1) % len(r.streams)
	})
}

// Arrivals calls arrive at random moments (a Poisson process) of so many a second until ctx ends, with the moment that it should
// be. It sleeps in the kernel on a thread of its own: the timers of an idle Go process may come a millisecond late.
func Arrivals(ctx context.Context, rate float64, arrive func(at time.Time)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rng := rand.New(rand.NewPCG(1, 3))
	next := time.Now()
	for ctx.Err() == nil {
		next = next.Add(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
		for wait := time.Until(next); wait > 0 && ctx.Err() == nil; wait = time.Until(next) {
			ts := syscall.NsecToTimespec(int64(min(wait, 100*time.Millisecond)))
			_ = syscall.Nanosleep(&ts, nil) // a signal ends it early, and the loop sleeps on
		}
		if ctx.Err() == nil {
			arrive(next)
		}
	}
}

// sendAll sends what has arrived, in packets of at most Pipeline requests.
func (r *run) sendAll(ctx context.Context, s *stream, i int) error {
	rng := rand.New(rand.NewPCG(uint64(i), 4))
	value := randomValue(rng, r.spec.ValueBytes)
	var packet []byte
	for {
		packet = packet[:0]
		for n := 0; n < r.spec.Pipeline && (n == 0 || len(s.arrivals) > 0); n++ {
			var at time.Time
			select {
			case at = <-s.arrivals:
			case <-ctx.Done():
				return nil
			}
			select {
			case s.awaited <- at:
			case <-ctx.Done():
				return nil
			}
			packet = r.request(packet, s.keys[rng.IntN(len(s.keys))], value)
		}
		if _, err := s.Write(packet); err != nil {
			return err
		}
	}
}

// receiveAll counts replies.
func (r *run) receiveAll(ctx context.Context, s *stream, t *tally) error {
	for {
		reply, err := s.replies.Read()
		if err != nil {
			return err
		}
		var at time.Time
		select {
		case at = <-s.awaited:
		case <-ctx.Done():
			return nil
		}
		if err := r.countOpen(reply, time.Since(at), t); err != nil {
			return err
		}
	}
}

func (r *run) countOpen(reply resp.Value, latency time.Duration, t *tally) error {
	if moved(reply) {
		return fmt.Errorf("a leader moved: %s", reply.Str)
	}
	if r.measured.Load() {
		t.count(reply, latency)
	}
	return nil
}
