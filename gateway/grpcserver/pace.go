package grpcserver

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// Calls that are opened and reset at once, settings, headers without end and the like keep a server busy and ask it for nothing
// (CVE-2023-44487, CVE-2023-45288, CVE-2019-9512 and its neighbours). Each such frame has a price in time. A connection that owes
// more than its credit is not read from until it has paid, and all of them pay one after another: a flood waits in its sender's
// socket, from however many connections it comes.
const (
	// framePrice lets connections give up 4,000 calls a second that they have begun, whose goroutines take an eighth of a
	// processor, and reset half as many that they have only opened.
	framePrice = 250 * time.Microsecond
	// signalPrice is that of frames which well-behaved clients send for every few pieces of a long answer.
	signalPrice = 20 * time.Microsecond
	// headerPriceBytes of headers have the price of a frame: ours take less.
	headerPriceBytes = 512
	// creditFirst is what a new connection may owe: those that are opened for a flood of frames each gain nothing.
	creditFirst = 25 * time.Millisecond
	// creditMax is what one may owe that was quiet for so long: 4,000 calls that run into their deadlines at once.
	creditMax = time.Second
	// creditLow is from where on little is read at a time, stepBytes: that may be a flood.
	creditLow = 2 * creditFirst
	stepBytes = 1 << 10
	// tollMax is how long connections wait to pay. Where it would take longer a connection is closed, or those of a flood would
	// pile up.
	tollMax = time.Second
	// yieldFrames in one read are so many small ones that others get the processor before the next.
	yieldFrames = 64
)

var errFlood = errors.New("this connection sent more frames that carry nothing than it may")

// toll is where connections pay, one after another.
type toll struct {
	mu   sync.Mutex // protects the field below
	free time.Time  // when all that was owed is paid
}

// pay returns how long whoever owes a price has to wait.
func (t *toll) pay(price time.Duration) (wait time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.free.Before(now) {
		t.free = now
	}
	if wait = t.free.Add(price).Sub(now); wait > tollMax {
		return 0, errFlood
	}
	t.free = now.Add(wait)
	return wait, nil
}

// pacedConn is a connection that is read from no faster than its frames are worth. The goroutine that reads owns frames and paid.
type pacedConn struct {
	net.Conn
	toll   *toll
	frames frames
	// paid is when all that was read will have been worth its price; what lies behind us is credit.
	paid time.Time

	once   sync.Once
	closed chan struct{}
}

func pace(conn net.Conn, t *toll) net.Conn {
	return &pacedConn{Conn: conn, toll: t, paid: time.Now().Add(-creditFirst), frames: frames{skip: len(clientPreface)}, closed: make(chan struct{})}
}

// Read implements net.Conn.
func (c *pacedConn) Read(b []byte) (int, error) {
	credit := time.Since(c.paid)
	if credit < 0 {
		if err := c.pay(-credit); err != nil {
			return 0, err
		}
	}
	if credit < creditLow {
		b = b[:min(len(b), stepBytes)]
	}
	n, err := c.Conn.Read(b)
	price, count := c.frames.read(b[:n])
	if earliest := time.Now().Add(-creditMax); c.paid.Before(earliest) {
		c.paid = earliest
	}
	c.paid = c.paid.Add(price)
	if count >= yieldFrames {
		runtime.Gosched()
	}
	return n, err
}

// pay waits until it has been paid for what was read.
func (c *pacedConn) pay(price time.Duration) error {
	wait, err := c.toll.pay(price)
	if err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		c.paid = time.Now()
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

// Close implements net.Conn.
func (c *pacedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// paced are credentials that trust everybody, as a server without any does, and pace their connections. TLS ends before.
type paced struct{ toll *toll }

var _ credentials.TransportCredentials = paced{}

// ServerHandshake implements credentials.TransportCredentials.
func (p paced) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return pace(conn, p.toll), nil, nil
}

// ClientHandshake implements credentials.TransportCredentials: there is none.
func (paced) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("credentials of a server were given to a client")
}

// Info implements credentials.TransportCredentials.
func (paced) Info() credentials.ProtocolInfo { return credentials.ProtocolInfo{} }

// Clone implements credentials.TransportCredentials.
func (p paced) Clone() credentials.TransportCredentials { return p }

// OverrideServerName implements credentials.TransportCredentials.
func (paced) OverrideServerName(string) error { return nil }
