package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// topology keeps the slot map up to date. It watches it at one node at a time, and goes on at the next one when that one breaks
// off, or when somebody doubts what it says.
type topology struct {
	seeds []string
	told  func(*clusterv1.SlotMap) // nil: nobody wants to hear
	// known is closed with the first map.
	known  chan struct{}
	latest atomic.Pointer[slotMap] // nil before

	mu      sync.Mutex // protects the fields below
	changed chan struct{}
	err     error
	// doubt ends the watch at hand; nil where there is none, or where it is too young to be doubted.
	doubt context.CancelFunc
}

func newTopology(seeds []string) *topology {
	return &topology{seeds: seeds, known: make(chan struct{}), changed: make(chan struct{})}
}

const (
	// firstMapMax is how long a node may take to send its first map.
	firstMapMax = 2 * time.Second
	// watchPause is how long the client waits before it asks the next node.
	watchPause = 50 * time.Millisecond
	// doubtAfter is how old a watch must be to be doubted: calls that fail all at once doubt it once.
	doubtAfter = 500 * time.Millisecond
)

// watch runs until ctx ends.
func (t *topology) watch(ctx context.Context, link func(addr string) (*link, error)) {
	for turn := 0; ctx.Err() == nil; turn++ {
		addrs := t.addrs()
		err := t.watchAt(ctx, link, addrs[turn%len(addrs)])
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(watchPause):
		}
	}
}

// watchAt watches the map at one node until that breaks off.
func (t *topology) watchAt(ctx context.Context, link func(addr string) (*link, error), addr string) error {
	l, err := link(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(firstMapMax, cancel)
	defer late.Stop()
	stream, err := clusterv1.NewTopologyServiceClient(l.conn).WatchSlotMap(ctx, &clusterv1.WatchSlotMapRequest{}, grpc.WaitForReady(false))
	if err != nil {
		return err
	}
	defer t.setDoubt(nil)
	for {
		sent, err := stream.Recv()
		if err != nil {
			return err
		}
		if late.Stop() {
			ripe := time.AfterFunc(doubtAfter, func() { t.setDoubt(cancel) })
			defer ripe.Stop()
		}
		if sent.GetSlotMap().GetEpoch() == 0 {
			return errors.New("the node belongs to no cluster yet")
		}
		if t.told != nil {
			t.told(sent.GetSlotMap())
		}
		t.put(merged(t.latest.Load(), sent.GetSlotMap(), time.Until(time.UnixMilli(sent.GetNowMs()))))
	}
}

func (t *topology) setDoubt(f context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubt = f
}

// put makes a map the latest one and wakes those who wait for a change.
func (t *topology) put(m *slotMap) {
	first := t.latest.Swap(m) == nil
	t.mu.Lock()
	close(t.changed)
	t.changed = make(chan struct{})
	t.mu.Unlock()
	if first {
		close(t.known)
	}
}

// doubted says that the map led nowhere: the node that is watched may be cut off, so another one is asked.
func (t *topology) doubted() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubt != nil {
		t.doubt()
		t.doubt = nil
	}
}

// change is closed when there is a newer map.
func (t *topology) change() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// addrs are the nodes to ask: those of the map, then those that the client was given.
func (t *topology) addrs() []string {
	m := t.latest.Load()
	if m == nil {
		return t.seeds
	}
	all := slices.Clone(m.addrs)
	for _, seed := range t.seeds {
		if !slices.Contains(all, seed) {
			all = append(all, seed)
		}
	}
	return all
}

func (t *topology) lastErr() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return errors.New("none")
	}
	return t.err
}

// now is the servers' clock in milliseconds since the Unix epoch, as far as it is known.
func (t *topology) now() int64 {
	return time.Now().Add(t.latest.Load().ahead).UnixMilli()
}
