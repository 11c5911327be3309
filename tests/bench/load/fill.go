package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// fillPipeline is how many keys Fill writes at once on a connection.
const fillPipeline = 100

// fillTries is how often Fill begins again because a leader moved.
const fillTries = 20

var errMoved = errors.New("a leader moved")

// Fill writes every key once.
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
		wg.Go(func() {
			if err := r.fillAt(ctx, to); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fillAt writes the keys of one leader.
func (r *run) fillAt(ctx context.Context, to leader) error {
	c, err := dial(ctx, to.addr, r.spec.Setup)
	if err != nil {
		return err
	}
	defer c.Close()
	value := randomValue(rand.New(rand.NewPCG(0, 2)), r.spec.ValueBytes)
	for keys := to.keys; len(keys) > 0; {
		n := min(fillPipeline, len(keys))
		var packet []byte
		for _, key := range keys[:n] {
			packet = r.spec.request(packet, key, value)
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
