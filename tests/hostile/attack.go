package hostile

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Manner is how an attacker treats its connections.
type Manner int

// The manners.
const (
	// Over and over: connect, send, read until the other end closes or says no more, hang up.
	Over Manner = iota + 1
	// Unread: connect, send again and again, read nothing.
	Unread
	// Trickle: connect, send byte by byte, begin anew where the other end closes.
	Trickle
	// Hold: connect, send once, stay.
	Hold
	// Reset: connect, send, break the connection in the middle of the reply.
	Reset
	// Sip: connect, send, read a byte now and then.
	Sip
)

const (
	dialMax = 5 * time.Second
	// quietMax is how long Over waits for more of an answer.
	quietMax = 20 * time.Millisecond
	// pause lies between two bytes of Trickle and Sip.
	pause = time.Millisecond
)

// Attack is what many connections do at once.
type Attack struct {
	Name   string
	Port   Port
	Send   string
	Conns  int
	Manner Manner
}

// Run attacks an address until ctx ends, and returns when all connections are closed.
func (a Attack) Run(ctx context.Context, addr string) {
	var all sync.WaitGroup
	for range a.Conns {
		all.Go(func() {
			for ctx.Err() == nil {
				a.attack(ctx, addr)
			}
		})
	}
	all.Wait()
}

// attack is the life of one connection. What goes wrong is the other end's defence.
func (a Attack) attack(ctx context.Context, addr string) {
	dialer := net.Dialer{Timeout: dialMax}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		wait(ctx, quietMax)
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	if a.Manner == Trickle {
		for i := range len(a.Send) {
			if _, err := io.WriteString(conn, a.Send[i:i+1]); err != nil || !wait(ctx, pause) {
				return
			}
		}
	}
	for {
		_, err := io.WriteString(conn, a.Send)
		if err != nil || a.Manner != Unread {
			break
		}
	}
	switch a.Manner {
	case Over:
		for buffer := make([]byte, 64<<10); ; {
			_ = conn.SetReadDeadline(time.Now().Add(quietMax)) // a closed connection fails the read as well
			if _, err := conn.Read(buffer); err != nil {
				return
			}
		}
	case Hold:
		_, _ = io.Copy(io.Discard, conn)
	case Unread: // cut off
		wait(ctx, quietMax)
	case Reset:
		_, _ = conn.Read(make([]byte, 10))
		_ = conn.(*net.TCPConn).SetLinger(0)
	case Sip:
		for one := make([]byte, 1); ; {
			if _, err := conn.Read(one); err != nil || !wait(ctx, pause) {
				return
			}
		}
	}
}

// wait lets time pass, and tells whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
