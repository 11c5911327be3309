package node

import (
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// latestView is what is known of the cluster, for those who read it and those who wait for a change.
type latestView struct {
	view atomic.Pointer[router.View]

	mu      sync.Mutex // protects the field below
	changed chan struct{}
}

// init begins with a view of nothing. It is called once, before all else.
func (l *latestView) init(self string) {
	empty, err := slot.NewMap(0, nil)
	if err != nil {
		panic(err) // no assignment, so nothing that could be wrong
	}
	l.changed = make(chan struct{})
	l.view.Store(&router.View{Self: self, Map: empty})
}

// View is the latest view.
func (l *latestView) View() *router.View { return l.view.Load() }

// Changed is closed when there is a newer view.
func (l *latestView) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// show makes a view the latest one and wakes those who wait for a change.
func (l *latestView) show(view *router.View) {
	l.view.Store(view)
	l.mu.Lock()
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
}
