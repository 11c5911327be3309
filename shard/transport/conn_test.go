package transport

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A node that has stopped reading: what waits for it stays bounded, appends beyond that wait outside the
// queue, and the connection ends when a write makes no progress.
func TestQueueOfANodeThatDoesNotReadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta := n.start(t, "a", func(c *Config) { c.AppendBytesMax = 1 << 20 })
		stopped := make(chan net.Conn, 1)
		n.listen("b", func(conn net.Conn) {
			if welcomeAs(conn, hello{protocolVersion, "cluster-1", "b", "a", 200 * time.Millisecond, data}) {
				stopped <- conn
			}
		})
		const groups = 24
		done := make(chan error, groups)
		for id := range GroupID(groups) {
			g := group(t, ta, id)
			go func() {
				_, err := sendAppend(g, "b", appendRequest("a", 5, 2, 2, entries(2, 1, 1<<20)...))
				done <- err
			}()
		}
		time.Sleep(time.Second)
		l, err := ta.link("b")
		if err != nil {
			t.Fatal(err)
		}
		out, err := l.data.get(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.mu.Lock()
		waiting := len(out.pending)
		out.mu.Unlock()
		if waiting > queueBytesMax || waiting < queueBytesMax/2 {
			t.Errorf("%d bytes wait, want at most %d and not much less", waiting, queueBytesMax)
		}
		n.listen("b", nil)
		for range groups {
			if err := <-done; !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrBusy) {
				t.Errorf("append: %v", err)
			}
		}
		if ta.Stats().QueueFull == 0 {
			t.Error("nothing was refused")
		}
		synctest.Wait()
		if open := ta.Stats().ConnsOutOpen; open != 0 {
			t.Errorf("%d connections open, want none", open)
		}
		_ = (<-stopped).Close() // the other end has closed it
	})
}
