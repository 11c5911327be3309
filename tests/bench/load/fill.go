package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// fillPipeline is how many keys Fill writes at once on a connection.
const fillPipeline = 100

// fillTries is how often Fill begins again because a leader moved.
const fillTries = 20

var errMoved = errors.New("a leader moved")

// fillConns is how many connections Fill has to each leader: enough for a sync to be shared.
const fillConns = 4

// Fill writes every key.
func Fill(ctx context.Context, s Spec) error {
	s.Op = OpSet
	r, err := newRun(ctx, s)
	for try := 0; err == nil && try < fillTries; try++ {
		asked := time.Now()
		if err = r.fill(ctx); !errors.Is(err, errMoved) {
			break
		}
		err = r.routes.refresh(ctx, asked)
	}
	if err != nil {
		return fmt.Errorf("fill %d keys: %w", s.Keys, err)
	}
	return nil
}

func (r *run) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, to := range r.routes.all() {
		for i := range fillConns {
			wg.Go(func() {
				n := len(to.keys)
				part := leader{to.addr, slices.Clone(to.keys[i*n/fillConns : (i+1)*n/fillConns])}
				if err := r.fillAt(ctx, part, uint64(i)); err != nil {
					cancel(err)
				}
			})
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fillAt writes keys of one leader.
func (r *run) fillAt(ctx context.Context, to leader, seed uint64) error {
	c, err := dial(ctx, to.addr, r.spec.Setup)
	if err != nil {
		return err
	}
	defer c.Close()
	rng := rand.New(rand.NewPCG(seed, 2))
	low, high := r.spec.ValueBytes, max(r.spec.ValueBytes, r.spec.ValueBytesMax)
	value := randomValue(rng, high)
	for pass := range max(r.spec.Passes, 1) {
		if pass > 0 {
			rng.Shuffle(len(to.keys), func(i, j int) { to.keys[i], to.keys[j] = to.keys[j], to.keys[i] })
		}
		err := r.fillOnce(c, to.keys, func() []byte { return value[:low+rng.IntN(high-low+1)] })
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) fillOnce(c *conn, keys [][]byte, value func() []byte) error {
	var packet []byte
	for len(keys) > 0 {
		n := min(fillPipeline, len(keys))
		packet = packet[:0]
		for _, key := range keys[:n] {
			packet = r.request(packet, key, value())
		}
		keys = keys[n:]
		if err := c.SetDeadline(time.Now().Add(ioMax)); err != nil {
			return err
		}
		if _, err := c.Write(packet); err != nil {
			return err
		}
		for range n {
			reply, err := c.replies.Read()
			switch {
			case err != nil:
				return err
			case moved(reply):
				return errMoved
			case reply.IsError():
				return errors.New(string(reply.Str))
			}
		}
	}
	return nil
}
