package proxy

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Connections of logins that are not used any more are closed; those that are in use, or wait for a reply, are kept.
func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{answer: func(c string) string {
			if c == "GET late" {
				return "wait"
			}
			return echo(c)
		}}
		var serving sync.WaitGroup
		open := 0
		p := NewPool(Config{Dial: func(context.Context, string) (net.Conn, error) {
			here, there := net.Pipe()
			n.mu.Lock()
			defer n.mu.Unlock()
			n.conns++
			open++
			number := n.conns
			serving.Go(func() {
				n.serve(there, number)
				n.mu.Lock()
				open--
				n.mu.Unlock()
			})
			return here, nil
		}})
		get := func(user string) {
			op := command("GET x")
			do(t, flightTo(p, n, Session{Proto: 2, Login: Login{User: user}}), op)
			wantReply(t, op, echo("GET x"))
		}
		wantOpen := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			n.mu.Lock()
			defer n.mu.Unlock()
			p.mu.Lock()
			defer p.mu.Unlock()
			if open != want || len(p.lanes) != want {
				t.Errorf("%s: %d connections are open and %d kept, want %d", what, open, len(p.lanes), want)
			}
		}
		for _, user := range []string{"busy", "gone", "waits"} {
			get(user)
		}
		late := flightTo(p, n, Session{Proto: 2, Login: Login{User: "waits"}})
		if err := late.Submit(command("GET late")); err != nil {
			t.Fatal(err)
		}
		wantOpen("at first", 3)
		for range 5 {
			time.Sleep(laneIdleMax / 2)
			get("busy")
		}
		wantOpen("once one was idle for long", 2)
		late.Wait(time.Now().Add(time.Second)) // the node has been silent for too long
		time.Sleep(2 * laneIdleMax)
		wantOpen("once all were", 0)
		get("gone")
		wantOpen("when one comes back", 1)
		p.Close()
		serving.Wait()
	})
}
