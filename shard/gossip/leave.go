package gossip

import (
	"context"
	"fmt"
	"time"
)

// leaveWaitMax bounds each of the two steps of Leave if ctx does not.
const leaveWaitMax = 2 * time.Second

// Leave tells the others that this node goes on purpose, so that they show it as left and not as dead. It returns
// when both messages have gone out, with an error when ctx or leaveWaitMax ended first: then some nodes may take
// this one for dead. Call Close afterwards in any case.
func (g *Gossip) Leave(ctx context.Context) error {
	g.lifecycle.Lock()
	defer g.lifecycle.Unlock()
	if g.closed || g.ctx.Err() != nil {
		return ErrClosed
	}
	if g.left {
		return nil
	}
	g.left = true
	g.mu.Lock()
	self := g.table.members[g.id]
	self.leaving = true
	d := departure{node: g.id, start: self.Start}
	alone := g.table.present() < 2
	g.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, 2*leaveWaitMax)
	defer cancel()
	var unsent error
	if !alone {
		unsent = g.sendDeparture(ctx, d)
	}
	// memberlist takes 0 for no limit.
	deadline, _ := ctx.Deadline()
	wait := max(time.Millisecond, min(leaveWaitMax, time.Until(deadline)))
	if ctx.Err() != nil {
		wait = time.Millisecond
	}
	err := g.list.Leave(wait)

	g.mu.Lock()
	self.turn(StateLeft, time.Now())
	g.present.Store(int64(g.table.present()))
	g.mu.Unlock()
	g.watchers.signal()
	if err == nil {
		err = unsent
	}
	if err != nil {
		return fmt.Errorf("leave gossip: %w", err)
	}
	return nil
}

// sendDeparture waits until the departure went out, so that it comes before memberlist's own message.
func (g *Gossip) sendDeparture(ctx context.Context, d departure) error {
	ctx, cancel := context.WithTimeout(ctx, leaveWaitMax)
	defer cancel()
	sent := make(chan struct{})
	g.spreadDeparture(d, sent)
	select {
	case <-sent:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("departure not sent: %w", ctx.Err())
	case <-g.ctx.Done():
		return ErrClosed
	}
}
