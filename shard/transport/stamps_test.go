package transport

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
)

func TestStampsArriveWithSenderAndTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		if err := a.SendStamps("b", 4, []byte("xyz")); !errors.Is(err, ErrUnreachable) {
			t.Errorf("first portion, while not connected: %v, want it dropped", err)
		}
		synctest.Wait()
		if err := a.SendStamps("b", 4, []byte("xyz")); err != nil {
			t.Fatal(err)
		}
		got := <-b.Stamps()
		if got.From != "a" || got.Term != 4 || !bytes.Equal(got.Portion, []byte("xyz")) {
			t.Errorf("got %+v", got)
		}
		if err := a.SendStamps("b", 4, make([]byte, StampsBytesMax+1)); !errors.Is(err, ErrFrameTooLarge) {
			t.Errorf("portion over the limit: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.SendStamps("b", 4, []byte("x")); err != nil { // nobody has a use for it, and nothing breaks
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.SendStamps("b", 4, []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("of a closed group: %v", err)
		}
		synctest.Wait()
		if s := b.t.Stats(); s.StampsReceived != 1 || s.StampsDropped != 1 || s.BadConns != 0 {
			t.Errorf("receiver: %+v", s)
		}
		if s := a.t.Stats(); s.StampsSent != 2 || s.StampsDropped != 3 || s.Connects != 1 {
			t.Errorf("sender: %+v", s)
		}
	})
}

// A receiver that does not keep up costs portions, and nothing else: entries pass.
func TestStampsThatNobodyTakesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendAppend(a, "b", appendRequest("a", 1, 0, 0, entries(0, 1, 10)...)); err != nil {
			t.Fatal(err)
		}
		for range 3 * stampsQueued {
			if err := a.SendStamps("b", 1, []byte("x")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if _, err := sendAppend(a, "b", appendRequest("a", 1, 1, 0, entries(1, 1, 10)...)); err != nil {
			t.Errorf("entries behind portions that nobody takes: %v", err)
		}
		if s := b.t.Stats(); s.StampsReceived != stampsQueued || s.StampsDropped != 2*stampsQueued {
			t.Errorf("%d received and %d dropped, want %d and %d", s.StampsReceived, s.StampsDropped, stampsQueued, 2*stampsQueued)
		}
	})
}

// slowConn lets no byte through while it is held, but for the handshake.
type slowConn struct {
	net.Conn
	held *sync.RWMutex
}

func (c slowConn) Write(p []byte) (int, error) {
	c.held.RLock()
	defer c.held.RUnlock()
	return c.Conn.Write(p)
}

// While a connection does not drain, portions are dropped long before its queue is full.
func TestStampsUnderPressureLeaveTheQueueToEntries(t *testing.T) {
	n := newPipeNet()
	var held sync.RWMutex
	n.wrap = func(c net.Conn) net.Conn { return slowConn{c, &held} }
	ta, tb := n.start(t, "a"), n.start(t, "b")
	a, b := group(t, ta, 1), group(t, tb, 1)
	answer(b, agree)
	if _, err := sendAppend(a, "b", appendRequest("a", 1, 0, 0, entries(0, 1, 10)...)); err != nil {
		t.Fatal(err)
	}
	held.Lock()
	taken := 0
	var err error
	for err == nil && taken < 100 {
		if err = a.SendStamps("b", 1, make([]byte, 32<<10)); err == nil {
			taken++
		}
	}
	l, linkErr := ta.link("b")
	if linkErr != nil {
		t.Fatal(linkErr)
	}
	if !errors.Is(err, ErrBusy) || taken > 8 || !l.data.open.hasRoom(queueBytesMax/2) {
		t.Errorf("%d portions of 32 KiB were queued, then %v", taken, err)
	}
	held.Unlock()
	if _, err := sendAppend(a, "b", appendRequest("a", 1, 1, 0, entries(1, 1, 10)...)); err != nil {
		t.Error(err)
	}
}
