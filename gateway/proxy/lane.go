package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

const (
	// dialMax bounds one attempt to connect, greeting included.
	dialMax = time.Second
	// writeMax bounds one write: a node that does not take what it is sent for so long is gone.
	writeMax = 3 * time.Second
	// silenceMax is longer than a node holds a command, 1 s, and waits for its commit, 1.5 s.
	silenceMax = 3 * time.Second
	// readBytes is how much is read at a time to begin with.
	readBytes = 64 << 10
	// queueBytesMax bounds what waits to be written to one connection.
	queueBytesMax = 64 << 20
	// keptBytesMax is how much room is kept for the next write.
	keptBytesMax = 1 << 20
)

var (
	errQueueFull = errors.New("too much waits to be sent to this node (limit queueBytesMax)")
	errSilent    = errors.New("the node is silent")
	errGone      = errors.New("the connection is over")
	errIdle      = errors.New("the connection was idle")
)

// sending is one op on its way.
type sending struct {
	// replies is how many replies are still to come.
	replies int
	// reply is the answer: the last reply, or a redirection that came before it and kept the others from being applied.
	reply []byte
	err   error
	sent  bool
	done  *waiter
}

// waiter counts the ops that one goroutine waits for.
type waiter struct {
	open atomic.Int64
	wake chan struct{}
}

func newWaiter() *waiter { return &waiter{wake: make(chan struct{}, 1)} }

func (w *waiter) landed() {
	if w.open.Add(-1) == 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// lane is one connection to a node. It connects with the first op and is of no use once it has broken.
type lane struct {
	pool    *Pool
	addr    string
	session Session
	dial    sync.Once
	// idle ends a shared lane that is not used; usedAt is when somebody was given it last. Pool.mu protects both.
	idle   *time.Timer
	usedAt time.Time

	mu      sync.Mutex // protects the fields below; not held across a write
	nc      net.Conn
	err     error
	out     []byte     // to be written
	spare   []byte     // room for what comes next
	open    []*sending // what is to be answered, in order; those before next have been answered
	next    int
	writing bool
	// quietSince is since when there has been no reply although one was due.
	quietSince time.Time
}

func newLane(p *Pool, addr string, s Session) *lane { return &lane{pool: p, addr: addr, session: s} }

func (l *lane) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// awaits tells whether replies are to come.
func (l *lane) awaits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next < len(l.open)
}

// send queues what encode appends and writes it, unless somebody who is writing already does. With an error nothing was sent.
func (l *lane) send(encode func(dst []byte) []byte, what ...*sending) error {
	l.dial.Do(l.connect)
	l.mu.Lock()
	switch {
	case l.err != nil:
		defer l.mu.Unlock()
		return l.err
	case len(l.out) > queueBytesMax:
		defer l.mu.Unlock()
		return errQueueFull
	}
	if l.next == len(l.open) {
		l.quietSince = time.Now()
	}
	l.out = encode(l.out)
	l.open = append(l.open, what...)
	if l.writing {
		l.mu.Unlock()
		return nil
	}
	l.writing = true
	l.mu.Unlock()
	runtime.Gosched() // whoever is ready to send adds to the same write: with many clients writes are what a gateway costs
	l.mu.Lock()
	for len(l.out) > 0 && l.err == nil {
		b := l.out
		l.out, l.spare = l.spare[:0], nil
		l.mu.Unlock()
		_ = l.nc.SetWriteDeadline(time.Now().Add(writeMax))
		_, err := l.nc.Write(b)
		l.mu.Lock()
		if cap(b) <= keptBytesMax {
			l.spare = b
		}
		if err != nil {
			l.failLocked(err)
		}
	}
	l.writing = false
	l.mu.Unlock()
	return nil
}

// connect dials, greets, and starts the reader.
func (l *lane) connect() {
	ctx, cancel := context.WithTimeout(context.Background(), dialMax)
	defer cancel()
	nc, err := l.pool.cfg.Dial(ctx, l.addr)
	if err == nil {
		err = l.greet(nc)
		if err != nil {
			_ = nc.Close()
		}
	}
	if err == nil && !l.pool.enter() {
		_ = nc.Close()
		err = errClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failLocked(fmt.Errorf("node at %s: %w", l.addr, err))
		l.pool.cfg.Doubted()
	case l.err != nil: // given up meanwhile
		_ = nc.Close()
		l.pool.wg.Done()
	default:
		l.nc = nc
		go func() {
			defer l.pool.wg.Done()
			l.read(nc)
		}()
	}
}

// greet makes the session of a new connection that of its clients.
func (l *lane) greet(nc net.Conn) error {
	words := [][]string{{"HELLO", strconv.Itoa(l.session.Proto)}}
	if login := l.session.Login; login.User != "" {
		words[0] = append(words[0], "AUTH", login.User, login.Password)
	}
	words[0] = append(words[0], "SETNAME", "holt-gateway")
	words = append(words, []string{"CLIENT", "DURABILITY", map[router.Ack]string{router.AckMajority: "MAJORITY", router.AckAsync: "ASYNC"}[l.session.Ack]})
	mode := "LEASE"
	if l.session.ReadMode == router.ReadIndex {
		mode = "INDEX"
	}
	words = append(words, []string{"CLIENT", "READMODE", mode}, []string{"CLIENT", "ROUTING", "CLUSTER"})
	var out []byte
	for _, command := range words {
		args := make([][]byte, len(command))
		for i, word := range command {
			args[i] = []byte(word)
		}
		out = resp.AppendCommand(out, args...)
	}
	_ = nc.SetDeadline(time.Now().Add(dialMax))
	if _, err := nc.Write(out); err != nil {
		return err
	}
	r := resp.NewReplyReader(nc)
	for _, command := range words {
		v, err := r.Read()
		if err != nil {
			return err
		}
		if v.IsError() && (bytes.HasPrefix(v.Str, []byte("WRONGPASS ")) || bytes.HasPrefix(v.Str, []byte("NOAUTH "))) {
			return apierr.New(apierr.KindNoAuth, "the node does not take who you are any more (%s); not applied, authenticate again", v.Str)
		}
		if v.IsError() && command[1] != "ROUTING" { // a node that does not know the word redirects everybody
			return fmt.Errorf("%s: %s", command[0], v.Str)
		}
	}
	return nc.SetDeadline(time.Time{})
}

// read hands out replies until the connection breaks.
func (l *lane) read(nc net.Conn) {
	buf := make([]byte, 0, readBytes)
	for {
		n, err := nc.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		now, used := time.Now(), 0
		for err == nil {
			length, whole, bad := resp.ReplyLength(buf[used:])
			if err = bad; err != nil || !whole {
				break
			}
			if err = l.land(now, buf[used:used+length]); err == nil {
				used += length
			}
		}
		if err != nil {
			if l.over() {
				return // ended here
			}
			l.fail(fmt.Errorf("node at %s: %w", l.addr, err))
			return
		}
		buf = buf[:copy(buf, buf[used:])]
		if len(buf) == cap(buf) {
			longer := make([]byte, len(buf), 2*cap(buf))
			copy(longer, buf)
			buf = longer
		} else if len(buf) == 0 && cap(buf) > keptBytesMax {
			buf = make([]byte, 0, readBytes)
		}
	}
}

// land gives a reply that came now to whom it is for.
func (l *lane) land(now time.Time, reply []byte) error {
	l.mu.Lock()
	if l.next == len(l.open) {
		l.mu.Unlock()
		return errors.New("a reply that nobody asked for")
	}
	s := l.open[l.next]
	l.quietSince = now
	s.replies--
	last := s.replies == 0
	if last {
		l.open[l.next] = nil
		if l.next++; l.next == len(l.open) {
			l.open, l.next = l.open[:0], 0
		}
	}
	l.mu.Unlock()
	if s.reply == nil && (last || redirection(reply) != nil) {
		s.reply = bytes.Clone(reply)
	}
	if last {
		s.done.landed()
	}
	return nil
}

// doubt ends a lane that has been silent for longer than a node takes to answer anything.
func (l *lane) doubt() {
	l.mu.Lock()
	silent := l.next < len(l.open) && time.Since(l.quietSince) > silenceMax
	l.mu.Unlock()
	if silent {
		l.fail(errSilent)
	}
}

// fail ends the lane for a reason that speaks against its node. What was sent and not answered hears of it.
func (l *lane) fail(err error) {
	l.end(err)
	l.pool.cfg.Doubted()
}

func (l *lane) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *lane) failLocked(err error) {
	if l.err == nil {
		l.err = err
		if l.nc != nil {
			_ = l.nc.Close()
		}
	}
	for _, s := range l.open[l.next:] {
		s.err, s.sent = l.err, true
		s.done.landed()
	}
	l.open, l.next, l.out = nil, 0, nil
}
