package pubsub

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// Published is a message on its way to another node. It is not changed any more.
type Published struct{ Channel, Payload []byte }

// Carrier takes messages to one node, in order, until it breaks.
type Carrier interface {
	// Send may wait until the node takes what was sent before. After an error the carrier is of no use.
	Send(messages []Published) error
	// Broken is closed when the carrier is of no use any more, as far as that is known.
	Broken() <-chan struct{}
	// Close ends it at once.
	Close()
}

// RelayConfig is what a relay is made of.
type RelayConfig struct {
	// Open reaches a node. It returns soon, and what it opens ends with ctx.
	Open func(ctx context.Context, node string) (Carrier, error)
	// QueueBytesMax bounds what waits for one node; 0 means 16 MiB, a second's worth where a node takes 16 MB/s. One message
	// may be larger.
	QueueBytesMax int
	Logger        *slog.Logger
}

// Relay takes the messages that are published at this node to the others.
type Relay struct {
	cfg    RelayConfig
	ctx    context.Context
	cancel context.CancelFunc
	lost   atomic.Uint64
	wg     sync.WaitGroup

	mu     sync.Mutex // protects the fields below; held to change them
	lines  map[string]*line
	closed bool
	// all are the lines, for Publish.
	all atomic.Pointer[[]*line]
}

// NewRelay returns a relay that knows no other node yet.
func NewRelay(cfg RelayConfig) *Relay {
	if cfg.QueueBytesMax <= 0 {
		cfg.QueueBytesMax = 16 << 20
	}
	r := &Relay{cfg: cfg, lines: map[string]*line{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.all.Store(&[]*line{})
	return r
}

// SetNodes says which the other nodes are. What waits for one that is not named any more is dropped.
func (r *Relay) SetNodes(ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	for id, l := range r.lines {
		if !slices.Contains(ids, id) {
			l.stop()
			delete(r.lines, id)
		}
	}
	var all []*line
	for _, id := range ids {
		if r.lines[id] == nil {
			l := newLine(r, id)
			r.lines[id] = l
			r.wg.Go(l.run)
		}
		all = append(all, r.lines[id])
	}
	r.all.Store(&all)
}

// Publish queues a message for all other nodes. It does not block; what a queue has no room for is lost for its node. The bytes are
// the caller's again when it returns.
func (r *Relay) Publish(channel, payload []byte) {
	all := *r.all.Load()
	if len(all) == 0 {
		return
	}
	both := append(append(make([]byte, 0, len(channel)+len(payload)), channel...), payload...)
	m := Published{Channel: both[:len(channel):len(channel)], Payload: both[len(channel):]}
	for _, l := range all {
		l.add(m)
	}
}

// Lost is how many messages were not taken to a node, or may not have been; one that is lost for two nodes counts twice.
func (r *Relay) Lost() uint64 { return r.lost.Load() }

// Close drops what waits and returns when nothing runs any more.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.all.Store(&[]*line{})
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
}
