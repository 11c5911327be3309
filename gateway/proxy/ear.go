package proxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// Ear is a connection over which one client listens to channels at another node.
type Ear struct {
	nc   net.Conn
	addr string
	// replies are those to commands; a push is not one.
	replies chan resp.Value
	ended   chan struct{}
	once    sync.Once
	closed  atomic.Bool
}

// Listen connects to a node. heard is given each push, and lost is called when the connection breaks by itself; both by one goroutine,
// which is done with them before Ear.Close returns.
func (p *Pool) Listen(addr string, s Session, heard func(resp.Value), lost func()) (*Ear, error) {
	s.Proto = 3 // in which pushes are not replies
	if !p.enter() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialMax)
	defer cancel()
	nc, err := p.cfg.Dial(ctx, addr)
	if err == nil {
		if err = newLane(p, addr, s).greet(nc); err != nil {
			_ = nc.Close()
		}
	}
	if err != nil {
		p.wg.Done()
		p.cfg.Doubted()
		return nil, apierr.New(apierr.KindClusterDown, "node at %s can't be reached: %w; not subscribed, retry", addr, err)
	}
	e := &Ear{nc: nc, addr: addr, replies: make(chan resp.Value, 8), ended: make(chan struct{})}
	p.keep(e)
	go func() {
		defer p.wg.Done()
		defer p.forget(e)
		defer close(e.ended)
		e.read(heard)
		if !e.closed.Load() {
			lost()
		}
	}()
	return e, nil
}

func (e *Ear) read(heard func(resp.Value)) {
	in := resp.NewReplyReader(e.nc)
	for {
		v, err := in.Read()
		if err != nil {
			e.hangUp()
			return
		}
		if v.Kind == resp.KindPush {
			heard(v)
			continue
		}
		select {
		case e.replies <- v:
		default: // more than anybody has asked for
			e.hangUp()
			return
		}
	}
}

// Do sends a command that is answered with pushes or an error, and returns when all of these have been heard.
func (e *Ear) Do(command [][]byte, deadline time.Time) error {
	out := resp.AppendCommand(resp.AppendCommand(nil, command...), []byte("PING"))
	_ = e.nc.SetWriteDeadline(time.Now().Add(writeMax))
	if _, err := e.nc.Write(out); err != nil {
		e.hangUp()
		return e.gone()
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	var refused error
	for {
		select {
		case v := <-e.replies:
			if !v.IsError() {
				return refused
			}
			refused = Refused(v.Str)
		case <-e.ended:
			return e.gone()
		case <-timer.C:
			e.hangUp()
			return e.gone()
		}
	}
}

// Refused is the error reply of a node, as it came.
type Refused string

func (r Refused) Error() string { return string(r) }

func (e *Ear) gone() error {
	return apierr.New(apierr.KindClusterDown, "the connection to the node at %s broke; subscribe again", e.addr)
}

func (e *Ear) hangUp() { e.once.Do(func() { _ = e.nc.Close() }) }

// Close ends the connection. Nothing is heard any more.
func (e *Ear) Close() {
	e.closed.Store(true)
	e.hangUp()
	<-e.ended
}
