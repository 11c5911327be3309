package gossip

import (
	"slices"
	"sync"
)

// watchers are those who want to hear that something changed. A watcher that is slow misses nothing: one pending
// signal stands for all changes since it last looked.
type watchers struct {
	mu       sync.Mutex // protects channels; never held across a send
	channels []chan struct{}
}

func (w *watchers) add() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	w.channels = append(slices.Clone(w.channels), c)
	w.mu.Unlock()
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.channels = slices.DeleteFunc(slices.Clone(w.channels), func(o chan struct{}) bool { return o == c })
	}
}

// signal never blocks. The slice is replaced, not changed, by add and stop, so it can be walked without the lock.
func (w *watchers) signal() {
	w.mu.Lock()
	channels := w.channels
	w.mu.Unlock()
	for _, c := range channels {
		poke(c)
	}
}

// poke leaves a signal in c unless one is there.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
