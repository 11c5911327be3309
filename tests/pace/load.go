package pace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Options say what is sent. Values that are zero take the defaults named.
type Options struct {
	// Addrs are nodes that the clients find the others by.
	Addrs []string
	// Rate is how many requests are due each second, by all libraries together. 2000.
	Rate int
	// Slots is how many slots they go to, evenly over all. 24: each is asked every 12 ms.
	Slots int
	// Seed decides on commands and keys.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.Rate == 0 {
		o.Rate = 2000
	}
	if o.Slots == 0 {
		o.Slots = 24
	}
	return o
}

// openMax is how many requests may be without an answer. Beyond it the clock waits; those that it then sends late still count
// from when they were due.
const openMax = 1 << 14

// Load is requests under way.
type Load struct {
	options Options
	began   time.Time
	clients []client
	keys    []slotKeys

	stop context.CancelFunc
	wg   sync.WaitGroup
	room chan struct{} // holds one for each request without an answer

	mu       sync.Mutex // protects the fields below
	requests []request
	book     book
}

// request is one that was answered, or failed. The times are since the load began.
type request struct {
	kind      kind
	library   uint8
	slot      uint16 // place in Load.keys
	due, done time.Duration
	err       error
}

func (r request) latency() time.Duration { return r.done - r.due }

// Start begins to send requests, and goes on until Stop.
func Start(o Options) (*Load, error) {
	l := &Load{options: o.withDefaults(), room: make(chan struct{}, openMax), book: newBook()}
	l.keys = keysOf(l.options.Slots)
	for _, library := range libraries {
		c, err := library.make(o.Addrs)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", library.name, err), l.closeClients())
		}
		l.clients = append(l.clients, c)
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop, l.began = stop, time.Now()
	l.wg.Go(func() { l.clock(ctx) })
	return l, nil
}

// clock sends each request when it is due. It sleeps in the kernel on a thread of its own: the timers of an idle Go process
// may come a millisecond late.
func (l *Load) clock(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	random := rand.New(rand.NewPCG(l.options.Seed, 1))
	for n := 0; ctx.Err() == nil; n++ {
		due := time.Duration(n) * time.Second / time.Duration(l.options.Rate)
		for wait := due - time.Since(l.began); wait > 0 && ctx.Err() == nil; wait = due - time.Since(l.began) {
			ts := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&ts, nil) // a signal ends it early, and the loop sleeps on
		}
		select {
		case l.room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		// Each library comes to each slot in turn, whatever their numbers have in common.
		place := n % len(l.keys)
		r := request{kind: drawKind(random), library: uint8((n + n/len(l.keys)) % len(l.clients)), slot: uint16(place), due: due}
		key := l.keys[place].draw(random, r.kind)
		l.wg.Go(func() {
			l.send(r, key, n)
			<-l.room
		})
	}
}

// requestMax bounds one request with all that its library does for it.
const requestMax = 10 * time.Second

func (l *Load) send(r request, key string, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), requestMax)
	defer cancel()
	reply, err := r.kind.do(ctx, l.clients[r.library], key, n)
	r.done, r.err = time.Since(l.began), err
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, r)
	l.book.note(r.kind, key, n, reply, err)
}

// Now is the time since the load began.
func (l *Load) Now() time.Duration { return time.Since(l.began) }

// Stop ends the sending and returns when all that was sent was answered.
func (l *Load) Stop() {
	l.stop()
	l.wg.Wait()
}

// Close ends the clients, after Stop.
func (l *Load) Close() error {
	l.Stop()
	return l.closeClients()
}

func (l *Load) closeClients() error {
	var errs []error
	for _, c := range l.clients {
		errs = append(errs, c.close())
	}
	l.clients = nil
	return errors.Join(errs...)
}
