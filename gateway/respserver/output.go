package respserver

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushBytes is from where on replies are written before their round has ended.
	flushBytes = 64 << 10
	// writeStepBytes is what one write deadline is for: a client that reads at all takes it in time.
	writeStepBytes = 256 << 10
)

// output is what goes to one client: replies of the connection's goroutine, invalidations of state machines, and messages of
// whoever publishes.
type output struct {
	nc     net.Conn
	limits *Limits
	// sent counts the bytes that were written, of all connections.
	sent *atomic.Uint64
	// buf holds replies that are not written yet. The connection's goroutine owns it.
	buf []byte
	// shared: there is a second goroutine that writes. The connection's goroutine owns it.
	shared bool

	// cut: the client takes messages too slowly, and its connection is over.
	cut atomic.Bool

	writing sync.Mutex // held across each write
	mu      sync.Mutex // protects the fields below; held for an append
	// held: a round runs, pushes wait for its end.
	held bool
	// tracks: invalidations of the connection's own reads are wanted. redirected: others may send theirs here.
	tracks, redirected bool
	pushes             []byte
	// all: the invalidations were too many and are now one of all keys, in the form of this protocol version; 0: they are not.
	allProto int
	messages messageQueue
	slow     slowness
	// ready is signalled when there are pushes and no round to write them; nil while nobody writes them.
	ready chan struct{}
}

// begin begins a round. Pushes that nobody has written yet go before its replies: the client's commands came after
// those changes, and none of its reads has run.
func (o *output) begin() {
	if !o.shared {
		return
	}
	o.mu.Lock()
	o.held = true
	o.buf = o.takePushesLocked(o.buf)
	o.mu.Unlock()
}

// drain puts the pushes so far behind the replies so far, within a round.
func (o *output) drain() {
	if !o.shared {
		return
	}
	o.mu.Lock()
	o.buf = o.takePushesLocked(o.buf)
	o.mu.Unlock()
}

// flush writes the replies so far, within a round.
func (o *output) flush() bool {
	if o.shared {
		o.writing.Lock()
		defer o.writing.Unlock()
	}
	return o.writeBuf()
}

// through writes the replies so far and b behind them, without a copy of it.
func (o *output) through(b []byte) bool {
	if o.shared {
		o.writing.Lock()
		defer o.writing.Unlock()
	}
	return o.writeBuf() && o.write(b)
}

// finish writes what is left of the round's replies, then the pushes that came meanwhile.
func (o *output) finish() bool {
	if !o.shared {
		return o.writeBuf()
	}
	o.writing.Lock()
	defer o.writing.Unlock()
	o.mu.Lock()
	o.held = false
	o.buf = o.takePushesLocked(o.buf)
	o.mu.Unlock()
	return o.writeBuf()
}

func (o *output) writeBuf() bool {
	ok := o.write(o.buf)
	if cap(o.buf) > flushBytes*2 {
		o.buf = nil
	}
	o.buf = o.buf[:0]
	return ok
}

// write writes b in steps, each of which has to be taken in time. After an error the connection is of no use.
func (o *output) write(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), writeStepBytes)
		_ = o.nc.SetWriteDeadline(time.Now().Add(o.limits.WriteDeadline))
		if o.cut.Load() { // after the deadline was set, or what cutLocked sets may be undone by it
			_ = o.nc.Close()
			return false
		}
		if _, err := o.nc.Write(b[:n]); err != nil {
			_ = o.nc.Close()
			return false
		}
		o.sent.Add(uint64(n))
		b = b[n:]
	}
	return true
}

// push appends an invalidation; nil means all keys. State machines call it: it does not block.
func (o *output) push(key []byte, proto int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tracks {
		o.pushLocked(key, proto)
	}
}

// pushRedirected appends an invalidation of what another connection has read.
func (o *output) pushRedirected(key []byte, proto int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.redirected {
		o.pushLocked(key, proto)
	}
}

func (o *output) pushLocked(key []byte, proto int) {
	switch {
	case o.allProto != 0:
		return
	case key == nil || len(o.pushes)+len(key) > o.limits.PushBytesMax:
		o.allProto, o.pushes = proto, nil
	default:
		o.pushes = appendInvalidation(o.pushes, key, proto)
	}
	o.wakeLocked()
}

// endRound lets pushes be written outside of a round, which they were started for.
func (o *output) endRound() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = false
	if o.ready != nil && (len(o.pushes) > 0 || o.allProto != 0) {
		o.wakeLocked()
	}
}

// wakeLocked has pushes written, now or at the end of the round.
func (o *output) wakeLocked() {
	if o.held || o.ready == nil {
		return
	}
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// takePushesLocked appends all there is to push.
func (o *output) takePushesLocked(dst []byte) []byte {
	dst = o.takeInvalidationsLocked(dst)
	return o.takeMessagesLocked(dst, o.messages.bytes)
}

// takeInvalidationsLocked appends the invalidations. They go before messages: who hears of a change by a message must not find
// what was there before in its cache.
func (o *output) takeInvalidationsLocked(dst []byte) []byte {
	switch o.allProto {
	case 2:
		dst = append(dst, pushAllMessage...)
	case 3:
		dst = append(dst, pushAll...)
	}
	o.allProto = 0
	dst = append(dst, o.pushes...)
	if o.pushes = o.pushes[:0]; cap(o.pushes) > flushBytes {
		o.pushes = nil
	}
	return dst
}

func (o *output) takeMessagesLocked(dst []byte, limit int) []byte {
	dst = o.messages.take(dst, limit)
	o.boundLocked()
	return dst
}

// runPushes writes pushes while no round does, until stop is closed.
func (o *output) runPushes(ready, stop <-chan struct{}) {
	for {
		select {
		case <-ready:
		case <-stop:
			return
		}
		for more, buf := true, []byte(nil); more; {
			o.writing.Lock()
			o.mu.Lock()
			buf = buf[:0]
			if !o.held {
				buf = o.takeMessagesLocked(o.takeInvalidationsLocked(buf), writeStepBytes)
			}
			more = !o.held && o.messages.bytes > 0
			o.mu.Unlock()
			ok := o.write(buf)
			o.writing.Unlock()
			if !ok {
				return
			}
		}
	}
}
