package grpcserver

import (
	"context"
	"sync"
)

// gate bounds what one pipeline has in flight. One goroutine enters.
type gate struct {
	callsMax, bytesMax int
	freed              chan struct{} // of capacity 1: something has left

	mu    sync.Mutex // protects the fields below; held for arithmetic only
	calls int        // received, reply not yet sent
	bytes int        // of their requests and replies
}

func newGate(l Limits) *gate {
	return &gate{callsMax: l.PipelineCalls, bytesMax: l.PipelineBytes, freed: make(chan struct{}, 1)}
}

// enter counts a call in, once there is room. A call that is over the limit by itself has to be alone.
func (g *gate) enter(ctx context.Context, bytes int) error {
	for !g.tryEnter(bytes) {
		select {
		case <-g.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (g *gate) tryEnter(bytes int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calls >= g.callsMax || g.calls > 0 && g.bytes+bytes > g.bytesMax {
		return false
	}
	g.calls++
	g.bytes += bytes
	return true
}

// swap counts the reply of a call instead of its request.
func (g *gate) swap(request, reply int) {
	g.mu.Lock()
	g.bytes += reply - request
	g.mu.Unlock()
	g.signal()
}

// leave counts calls out whose replies have been sent.
func (g *gate) leave(calls, bytes int) {
	g.mu.Lock()
	g.calls -= calls
	g.bytes -= bytes
	g.mu.Unlock()
	g.signal()
}

func (g *gate) signal() {
	select {
	case g.freed <- struct{}{}:
	default:
	}
}
