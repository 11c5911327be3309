package pubsub

import (
	"context"
	"sync"
	"time"
)

const (
	// publishedOverheadBytes is about what a message takes in a queue beside its bytes.
	publishedOverheadBytes = 64
	// batchBytesMax bounds what is sent at a time, but for a message that is larger.
	batchBytesMax = 256 << 10
	// retryPause is how long a line waits before it tries again to reach its node. What is published meanwhile waits.
	retryPause = 100 * time.Millisecond
)

// line is the queue of messages to one node.
type line struct {
	r      *Relay
	node   string
	ctx    context.Context
	cancel context.CancelFunc
	// wake is signalled when there is something to send.
	wake chan struct{}

	mu     sync.Mutex // protects the fields below; held for an append
	queue  []Published
	bytes  int
	losing bool // so that the log tells of it once
}

func newLine(r *Relay, node string) *line {
	l := &line{r: r, node: node, wake: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(r.ctx)
	return l
}

// stop ends the line without waiting for it.
func (l *line) stop() { l.cancel() }

func sizeOf(m Published) int { return len(m.Channel) + len(m.Payload) + publishedOverheadBytes }

// add queues a message where there is room.
func (l *line) add(m Published) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes > 0 && l.bytes+sizeOf(m) > l.r.cfg.QueueBytesMax {
		l.loseLocked(1)
		return
	}
	l.queue = append(l.queue, m)
	l.bytes += sizeOf(m)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *line) loseLocked(messages int) {
	l.r.lost.Add(uint64(messages))
	if messages > 0 && !l.losing {
		l.losing = true
		l.r.cfg.Logger.Warn("messages of channels are lost for the clients of a node: it can't be reached, or takes them too slowly", "node", l.node)
	}
}

// take returns the next messages to send; none where nothing waits.
func (l *line) take() (batch []Published) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bytes, n := 0, 0
	for n < len(l.queue) && (n == 0 || bytes+sizeOf(l.queue[n]) <= batchBytesMax) {
		bytes += sizeOf(l.queue[n])
		n++
	}
	batch = l.queue[:n:n]
	l.queue = l.queue[n:]
	l.bytes -= bytes
	if len(l.queue) == 0 {
		l.queue = nil
	}
	return batch
}

// drop loses all that waits, for a node that can't be reached: messages are for those who listen now.
func (l *line) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loseLocked(len(l.queue))
	l.queue, l.bytes = nil, 0
}

// run sends until the line is stopped.
func (l *line) run() {
	defer l.cancel()
	for l.awaitMessage() {
		c, err := l.r.cfg.Open(l.ctx, l.node)
		if err != nil {
			l.drop()
		} else {
			l.send(c)
			c.Close()
		}
		select {
		case <-time.After(retryPause):
		case <-l.ctx.Done():
		}
	}
}

// awaitMessage returns true once something waits to be sent.
func (l *line) awaitMessage() bool {
	for l.ctx.Err() == nil {
		l.mu.Lock()
		waits := len(l.queue) > 0
		l.mu.Unlock()
		if waits {
			return true
		}
		select {
		case <-l.wake:
		case <-l.ctx.Done():
		}
	}
	return false
}

// send sends over a carrier until it breaks. What was on its way then may have come or not, and is not sent again.
func (l *line) send(c Carrier) {
	for {
		batch := l.take()
		if len(batch) == 0 {
			select {
			case <-l.wake:
			case <-c.Broken():
				return
			case <-l.ctx.Done():
				return
			}
			continue
		}
		err := c.Send(batch)
		l.mu.Lock()
		if err != nil {
			l.loseLocked(len(batch))
		} else if l.bytes == 0 {
			l.losing = false
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}
