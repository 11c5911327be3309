package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

const (
	// pieceBytes is from where on a message begins another piece of the queue.
	pieceBytes = 16 << 10
	// keptPieceBytes is what a connection keeps of a queue that is empty.
	keptPieceBytes = 4 << 10
)

// messageQueue is messages to a client that are not written yet, in the order in which they came.
type messageQueue struct {
	pieces [][]byte
	bytes  int
}

func (q *messageQueue) add(message resp.Value, proto int) {
	last := len(q.pieces) - 1
	if last < 0 || len(q.pieces[last]) >= pieceBytes {
		q.pieces = append(q.pieces, nil)
		last++
	}
	before := len(q.pieces[last])
	q.pieces[last] = message.Append(q.pieces[last], proto)
	q.bytes += len(q.pieces[last]) - before
}

// take appends whole pieces until there are limit bytes of them, and returns the longer slice.
func (q *messageQueue) take(dst []byte, limit int) []byte {
	taken := 0
	for taken < limit && len(q.pieces) > 0 && len(q.pieces[0]) > 0 {
		first := q.pieces[0]
		dst = append(dst, first...)
		taken += len(first)
		if len(q.pieces) == 1 && cap(first) <= keptPieceBytes {
			q.pieces[0] = first[:0]
			break
		}
		q.pieces[0] = nil
		q.pieces = q.pieces[1:]
	}
	q.bytes -= taken
	if q.bytes == 0 && len(q.pieces) == 0 {
		q.pieces = nil
	}
	return dst
}

// slowness is for how long a client has had more messages waiting than it should.
type slowness struct {
	since time.Time
	timer *time.Timer
}

// deliver appends a message to what goes to the client, as a push or, in RESP2, an array. Anybody may call it once the connection's
// goroutine has called startPushing: it does not block. A client that has too much waiting is cut off.
func (o *output) deliver(message resp.Value, proto int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ready == nil || o.cut.Load() {
		return
	}
	o.messages.add(message, proto)
	o.boundLocked()
	o.wakeLocked()
}

// boundLocked applies the limits of client-output-buffer-limit pubsub: so much at no time, and less not for long.
func (o *output) boundLocked() {
	limits := o.limits
	switch {
	case o.messages.bytes > limits.MessageBytesMax:
		o.cutLocked()
	case o.messages.bytes <= limits.MessageBytesSoft:
		o.notSlowLocked()
	case o.slow.since.IsZero():
		o.slow.since = time.Now()
		o.slow.timer = time.AfterFunc(limits.MessageSoftMax, o.stillSlow)
	}
}

// stillSlow cuts a client off that has been over the soft limit for all the time that it is given.
func (o *output) stillSlow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.slow.since.IsZero() && time.Since(o.slow.since) >= o.limits.MessageSoftMax {
		o.cutLocked()
	}
}

func (o *output) notSlowLocked() {
	if !o.slow.since.IsZero() {
		o.slow.timer.Stop()
		o.slow = slowness{}
	}
}

// cutLocked ends the connection: both of its goroutines find out at once, whatever they wait for.
func (o *output) cutLocked() {
	o.notSlowLocked()
	o.messages = messageQueue{}
	o.cut.Store(true)
	_ = o.nc.SetDeadline(time.Now())
}

// waiting is how many bytes of messages wait to be written.
func (o *output) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.messages.bytes
}
