package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Watch says what is watched: the changes of Key, or of all keys that begin with Prefix, or of all keys; of the latter two those in
// Slots, where that is set.
type Watch struct {
	Key    string
	Prefix string
	Slots  []slot.Range
	// From is the token of another watcher of the same keys: this one goes on behind it. Without it, and without AfterVersion, the
	// watcher begins with what is written after Client.Watch has returned, or a little before.
	From []byte
	// AfterVersion, with a Key: all changes with higher versions. A version that Get has told, or that a write was answered with.
	AfterVersion uint64
	// OmitValues leaves values out of the events.
	OmitValues bool
	// Progress, unless it is 0, is how often Next tells how far the watcher has come while nothing changes.
	Progress time.Duration
}

// Event is one change of a key, or a flush of slots.
type Event = cachev1.WatchEvent

// Update is one event, or only how far the watcher has come.
type Update struct {
	// Event is nil where there is none.
	Event *Event
	// Slots are those of which every change up to Version has been returned. Set where Event is not. Versions of different shards
	// can't be compared.
	Slots   []slot.Range
	Version uint64
}

// CompactedError says that changes which were to come next are not there any more. Read the keys again and begin a new watch, before
// the keys are read.
type CompactedError struct {
	Slots []slot.Range
	// OldestVersion is the one behind which the slots could be watched; 0: none but from now on.
	OldestVersion uint64
	Reason        string
}

// Error is the message.
func (e *CompactedError) Error() string {
	return fmt.Sprintf("watch of slots %v: %s", e.Slots, e.Reason)
}

// Watcher returns changes. Those of a key come in their order, each once; between shards there is no order. One goroutine uses it.
type Watcher struct {
	c       *Client
	watch   Watch
	cancel  context.CancelFunc
	told    chan told
	wg      sync.WaitGroup
	parts   map[*watchPart]*place
	queue   []told // what came while the watcher was beginning
	current told   // what Next is at
	next    int    // the event of it that comes next
	err     error  // why the watcher is over
}

// told is what a part hands over: a response, or why it has ended.
type told struct {
	part     *watchPart
	response *cachev1.WatchResponse
	// further is the part that goes on with the slots that have left.
	further *watchPart
	// instead are what the part, which has not begun, is to be divided into.
	instead []place
	err     error
}

// Watch begins to watch. It returns when all shards are watched, or with an error when the context, or Config.RetryMax, ends before.
// The watcher goes on until Close; it finds the next leader, and where slots are moved to, by itself.
func (c *Client) Watch(ctx context.Context, watch Watch) (*Watcher, error) {
	w := &Watcher{c: c, watch: watch, told: make(chan told), parts: map[*watchPart]*place{}}
	places, err := w.places()
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(c.ctx)
	w.cancel = cancel
	c.wg.Go(func() { // Close of the client waits, too
		<-running.Done()
		w.wg.Wait()
	})
	ctx, done := context.WithTimeout(ctx, c.cfg.RetryMax)
	defer done()
	w.begin(running, places)
	for w.beginning() {
		select {
		case t := <-w.told:
			if t.instead != nil {
				delete(w.parts, t.part)
				w.begin(running, t.instead)
			}
			if err := w.attached(t); err != nil {
				return nil, errors.Join(err, w.Close())
			}
		case <-ctx.Done():
			err := apierr.New(apierr.KindDeadline, "watch: not every shard is watched yet: %w", ctx.Err())
			return nil, errors.Join(err, w.Close())
		case <-c.ctx.Done():
			return nil, errors.Join(errClosed, w.Close())
		}
	}
	return w, nil
}

// beginning tells whether a part has not begun.
func (w *Watcher) beginning() bool {
	for _, p := range w.parts {
		if p.resume() == nil {
			return true
		}
	}
	return false
}

// attached takes what comes while the watcher is beginning: where a part is, and changes, which are for later.
func (w *Watcher) attached(t told) error {
	if t.err != nil {
		return t.err
	}
	if p := w.parts[t.part]; p != nil && t.response.GetCompacted() == nil && p.resume() == nil {
		p.token = t.response.GetResumeToken()
	}
	if len(t.response.GetEvents()) > 0 || t.response.GetCompacted() != nil || t.further != nil {
		w.queue = append(w.queue, t)
	}
	if t.further != nil {
		w.enter(t.further)
	}
	return nil
}

// Next returns the next update once there is one. After a *CompactedError, or any other error than the context's, the watcher is over.
func (w *Watcher) Next(ctx context.Context) (Update, error) {
	for {
		if w.err != nil {
			return Update{}, w.err
		}
		if events := w.current.response.GetEvents(); w.next < len(events) {
			w.next++
			w.parts[w.current.part].skip = uint64(w.next)
			if w.next == len(events) {
				w.passed()
			}
			return Update{Event: events[w.next-1]}, nil
		}
		t, err := w.take(ctx)
		if err != nil {
			return Update{}, err
		}
		if update, ok := w.look(t); ok {
			return update, nil
		}
	}
}

func (w *Watcher) take(ctx context.Context) (told, error) {
	if len(w.queue) > 0 {
		t := w.queue[0]
		w.queue = w.queue[1:]
		return t, nil
	}
	select {
	case t := <-w.told:
		return t, nil
	case <-ctx.Done():
		return told{}, ctx.Err()
	case <-w.c.ctx.Done():
		return told{}, errClosed
	}
}

// look takes what was told. ok tells whether it is an update by itself.
func (w *Watcher) look(t told) (update Update, ok bool) {
	p := w.parts[t.part]
	if p == nil {
		return Update{}, false
	}
	switch compacted := t.response.GetCompacted(); {
	case t.err != nil:
		w.err = t.err
	case compacted != nil:
		w.err = &CompactedError{Slots: p.slots, OldestVersion: compacted.GetOldestVersion(), Reason: compacted.GetReason()}
	case len(t.response.GetEvents()) > 0:
		events := uint64(len(t.response.GetEvents()))
		skipped := min(p.skip, events) // by the watcher whose token this part began with
		w.current, w.next = t, int(skipped)
		if skipped == events {
			rest := p.skip - skipped
			w.passed()
			p.skip = rest
		}
	default:
		w.current, w.next = t, 0
		w.passed()
		version := t.response.GetVersion()
		return Update{Slots: p.slots, Version: version}, t.further == nil && version > 0 && w.watch.Progress > 0
	}
	return Update{}, false
}

// passed notes that everything of the current response has been returned.
func (w *Watcher) passed() {
	t := w.current
	p := w.parts[t.part]
	p.token = t.response.GetResumeToken()
	if len(t.response.GetEvents()) > 0 {
		p.skip = 0
	}
	if t.further == nil {
		return
	}
	w.enter(t.further)
	if p.slots = without(p.slots, t.further.from.slots); len(p.slots) == 0 {
		delete(w.parts, t.part)
	}
}

// Token is where the watcher is: behind the last event that Next has returned. Another watcher of the same keys goes on from it, in
// this process or another one.
func (w *Watcher) Token() []byte {
	places := make([]place, 0, len(w.parts))
	for _, p := range w.parts {
		places = append(places, *p)
	}
	return placesToken(places)
}

// Close ends the watcher and returns when nothing of it runs any more. It may be called twice.
func (w *Watcher) Close() error {
	w.cancel()
	w.wg.Wait()
	return nil
}

// enter notes a part where it begins.
func (w *Watcher) enter(p *watchPart) {
	if w.parts[p] == nil {
		from := p.from
		w.parts[p] = &from
	}
}
