package transport

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	queueBytesMax     = 8 << 20   // frames waiting for one connection; a single larger frame goes alone
	spareBytesMax     = 512 << 10 // a larger buffer is not kept for the next frames
	writePieceBytes   = 256 << 10 // the deadline of a write is renewed after each piece
	readBufferControl = 8 << 10
	readBufferData    = 64 << 10
)

// framedConn is a connection after its handshake: one writer goroutine drains a bounded queue, one reader
// hands out frames.
type framedConn struct {
	t     *Transport
	conn  net.Conn
	node  string // at the other end
	kind  connKind
	stall time.Duration // how long a write, or a frame that has begun to arrive, may make no progress
	kick  chan struct{} // wakes the writer; capacity 1
	done  chan struct{} // closed by close

	mu      sync.Mutex // protects the fields below; never held across I/O or a channel send
	pending []byte     // frames to write
	spare   []byte     // the buffer that pending and the writer take turns with
	err     error      // why the connection was closed
}

func newFramedConn(t *Transport, conn net.Conn, node string, kind connKind) *framedConn {
	stall := t.cfg.RPCTimeout.Append
	if kind == control {
		stall = max(2*t.cfg.RPCTimeout.Control, time.Second)
	}
	return &framedConn{
		t: t, conn: conn, node: node, kind: kind, stall: stall,
		kick: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// send queues one frame, or refuses when the queue is full. It never blocks.
func (c *framedConn) send(kind frameKind, id uint64, fill func([]byte) []byte) error {
	if err := c.queue(kind, id, fill); err != nil {
		if errors.Is(err, ErrBusy) {
			c.t.count.queueFull.Add(1)
		}
		return err
	}
	c.t.count.framesSent.Add(1)
	select {
	case c.kick <- struct{}{}:
	default:
	}
	return nil
}

// hasRoom tells a patient sender whether it is worth encoding a frame of that size.
func (c *framedConn) hasRoom(sizeBytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil || len(c.pending) == 0 || len(c.pending)+sizeBytes <= queueBytesMax
}

func (c *framedConn) queue(kind frameKind, id uint64, fill func([]byte) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	before := len(c.pending)
	grown := appendFrame(c.pending, kind, id, fill)
	size := len(grown) - before
	switch {
	case size > c.kind.frameBytesMax():
		return fmt.Errorf("%w: %d bytes on the %v connection to node %s, at most %d",
			ErrFrameTooLarge, size, c.kind, c.node, c.kind.frameBytesMax())
	case before > 0 && len(grown) > queueBytesMax:
		return fmt.Errorf("%w: %d bytes wait for the %v connection to node %s", ErrBusy, before, c.kind, c.node)
	}
	c.pending = grown
	return nil
}

// write runs on the writer goroutine until the connection is closed.
func (c *framedConn) write() {
	for {
		select {
		case <-c.kick:
		case <-c.done:
			return
		}
		for {
			buf := c.takePending()
			if len(buf) == 0 {
				break
			}
			if err := c.writeAll(buf); err != nil {
				c.close(fmt.Errorf("write to node %s: %w", c.node, err))
				return
			}
			c.giveBack(buf)
		}
	}
}

func (c *framedConn) takePending() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	buf := c.pending
	c.pending, c.spare = c.spare, nil
	return buf
}

func (c *framedConn) giveBack(buf []byte) {
	if cap(buf) > spareBytesMax {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending == nil {
		c.pending = buf[:0]
	} else {
		c.spare = buf[:0]
	}
}

func (c *framedConn) writeAll(buf []byte) error {
	for len(buf) > 0 {
		piece := buf[:min(len(buf), writePieceBytes)]
		if err := c.conn.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return err
		}
		n, err := c.conn.Write(piece)
		c.t.count.bytesSent.Add(uint64(n))
		if err != nil {
			return err
		}
		buf = buf[n:]
	}
	return nil
}

// read hands every frame to handle until the connection ends or handle returns an error. handle must not
// block: it runs on the only reader.
func (c *framedConn) read(handle func(frame) error) error {
	size := readBufferData
	if c.kind == control {
		size = readBufferControl
	}
	progress := &progressReader{c: c}
	r := bufio.NewReaderSize(progress, size)
	for {
		progress.inFrame = false
		f, err := readFrame(r, c.kind.frameBytesMax(), func() { progress.inFrame = true })
		if err != nil {
			return err
		}
		c.t.count.framesReceived.Add(1)
		if err := handle(f); err != nil {
			return err
		}
	}
}

// progressReader lets a connection be idle for ever between frames, but not within one.
type progressReader struct {
	c       *framedConn
	inFrame bool
	timed   bool // a deadline is set
}

func (r *progressReader) Read(p []byte) (int, error) {
	if r.inFrame || r.timed {
		var deadline time.Time
		if r.inFrame {
			deadline = time.Now().Add(r.c.stall)
		}
		if err := r.c.conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		r.timed = r.inFrame
	}
	n, err := r.c.conn.Read(p)
	r.c.t.count.bytesReceived.Add(uint64(n))
	return n, err
}

// close may be called more than once; the first reason counts.
func (c *framedConn) close(reason error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = reason
	}
	c.pending, c.spare = nil, nil
	c.mu.Unlock()
	if first {
		close(c.done)
		c.closeConn()
	}
}

func (c *framedConn) closeConn() {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.cfg.Logger.Debug("closed connection", "node", c.node, "kind", c.kind, "error", err)
	}
}

func (c *framedConn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
