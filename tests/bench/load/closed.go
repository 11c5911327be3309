package load

import (
	"context"
	"math/rand/v2"
	"time"
)

// closed sends one pipeline after another on connection number i, wherever its leader goes, until ctx ends.
func (r *run) closed(ctx context.Context, i int) error {
	t := r.tallies[i]
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	value := randomValue(rng, r.spec.ValueBytes)
	for ctx.Err() == nil {
		asked := time.Now()
		to := r.routes.of(i)
		next, err := r.closedTo(ctx, to, t, rng, value)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case next:
			t.moved++
			if err := r.routes.refresh(ctx, asked); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return nil
}

// closedTo talks to one leader. It returns true when the leader is somewhere else.
func (r *run) closedTo(ctx context.Context, to leader, t *tally, rng *rand.Rand, value []byte) (elsewhere bool, err error) {
	c, err := dial(ctx, to.addr, r.spec.Setup)
	if err != nil {
		return false, err
	}
	defer c.Close()
	var packet []byte
	for ctx.Err() == nil && !elsewhere {
		packet = packet[:0]
		for range r.spec.Pipeline {
			packet = r.request(packet, to.keys[rng.IntN(len(to.keys))], value)
		}
		if elsewhere, err = r.exchange(c, packet, r.spec.Pipeline, t); err != nil {
			return false, err
		}
	}
	return elsewhere, nil
}

// exchange sends a packet of n requests and counts their replies.
func (r *run) exchange(c *conn, packet []byte, n int, t *tally) (elsewhere bool, err error) {
	sent := time.Now()
	if err := c.SetDeadline(sent.Add(ioMax)); err != nil {
		return false, err
	}
	if _, err := c.Write(packet); err != nil {
		return false, err
	}
	var latency time.Duration
	for range n {
		arrived := c.replies.Buffered() > 0 // together with the reply before it
		reply, err := c.replies.Read()
		if err != nil {
			return false, err
		}
		if !arrived {
			latency = time.Since(sent)
		}
		switch {
		case moved(reply):
			elsewhere = true
		case r.measured.Load():
			t.count(reply, latency)
		}
	}
	return elsewhere, nil
}

// randomValue is text that does not compress.
func randomValue(rng *rand.Rand, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	value := make([]byte, n)
	for i := range value {
		value[i] = letters[rng.IntN(len(letters))]
	}
	return value
}
