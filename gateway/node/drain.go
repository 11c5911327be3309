package node

import (
	"context"
	"time"
)

// A node that leads nothing any more goes on redirecting its clients for a while. Libraries look at the slot map again after a
// redirection; one that looks late sends everything to the old address until then, and after a refused connection it repeats
// no write. go-redis looks at once, rueidis up to a second later.
const (
	drainMin = 500 * time.Millisecond
	// drainCalm is for how long nobody was redirected when clients are taken to have gone.
	drainCalm = 300 * time.Millisecond
	// drainMax bounds it for clients that ask here however often they are sent elsewhere.
	drainMax = 1500 * time.Millisecond
	// drainLook is how often the redirections are looked at.
	drainLook = 50 * time.Millisecond
)

// drain redirects connected clients until they have gone elsewhere.
func (n *Node) drain(ctx context.Context) {
	if n.resp.Stats().Connections == 0 {
		return
	}
	awaitCalm(ctx, func() uint64 { return n.resp.Stats().Errors["MOVED"] })
}

// awaitCalm returns when a count has stayed the same for drainCalm.
func awaitCalm(ctx context.Context, count func() uint64) {
	ticker := time.NewTicker(drainLook)
	defer ticker.Stop()
	began := time.Now()
	last, since := count(), began
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if c := count(); c != last {
				last, since = c, now
			}
			if spent := now.Sub(began); spent >= drainMax || spent >= drainMin && now.Sub(since) >= drainCalm {
				return
			}
		}
	}
}
