package grpcserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// headOf is the head of a frame, which its payload follows.
func headOf(kind byte, length int, stream uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(length >> 16), byte(length >> 8), byte(length), kind, 0}, stream)
}

// someFrame is a frame of zero bytes.
func someFrame(kind byte, length int) []byte {
	return append(headOf(kind, length, 1), make([]byte, length)...)
}

const (
	frameReset    = 0x3
	frameSettings = 0x4
)

func TestFramesArePricedAlikeHoweverTheyAreCut(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var all []byte
		for range 1 + random.IntN(50) {
			all = append(all, someFrame(byte(random.IntN(11)), random.IntN(3000))...)
		}
		var whole, cut frames
		wantPrice, wantCount := whole.read(all)
		var price time.Duration
		count := 0
		for rest := all; len(rest) > 0; {
			n := min(1+random.IntN(40), len(rest))
			p, c := cut.read(rest[:n])
			price, count, rest = price+p, count+c, rest[n:]
		}
		if price != wantPrice || count != wantCount || cut != whole {
			t.Fatalf("seed %d: cut: %v of %d frames; whole: %v of %d", seed, price, count, wantPrice, wantCount)
		}
	}
}

// pacedPipe is a paced connection with what a client sends to it over and over until it is closed.
func pacedPipe(to *toll, sends []byte) (*pacedConn, io.Closer) {
	client, server := net.Pipe()
	go func() {
		_, err := io.WriteString(client, clientPreface)
		for err == nil {
			_, err = client.Write(sends)
		}
	}()
	return pace(server, to).(*pacedConn), client
}

// readFor counts the frames of one kind that come within a time.
func readFor(conn *pacedConn, kind byte, length int, span time.Duration) (count int, err error) {
	end := time.Now().Add(span)
	bytes := 0
	for buffer := make([]byte, 32<<10); time.Now().Before(end); {
		n, err := conn.Read(buffer)
		bytes += n
		if err != nil {
			return bytes / (9 + length), err
		}
	}
	return bytes / (9 + length), nil
}

func TestFloodIsReadNoFasterThanItsFramesAreWorth(t *testing.T) {
	for _, flood := range []struct {
		name   string
		kind   byte
		length int
		price  time.Duration
	}{
		{"resets", frameReset, 4, framePrice},
		{"settings", frameSettings, 0, framePrice},
		{"calls that say nothing", frameHeaders, 50, framePrice},
		{"headers without end", frameContinuation, 16000, 32 * framePrice},
		{"empty data", frameData, 0, signalPrice},
		{"pings", framePing, 8, 5 * signalPrice},
		{"windows", frameWindow, 4, signalPrice},
	} {
		t.Run(flood.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const span = 10 * time.Second
				conn, client := pacedPipe(&toll{}, someFrame(flood.kind, flood.length))
				defer client.Close()
				defer conn.Close()
				count, err := readFor(conn, flood.kind, flood.length, span)
				want := int((span + creditFirst) / flood.price)
				if slack := want/10 + 2*stepBytes/9; err != nil || count > want+slack || count < want/2 {
					t.Errorf("read %d frames in %v, %v; %d are worth it", count, span, err, want)
				}
			})
		})
	}
}

func TestCallsThatSaySomethingDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := append(someFrame(frameHeaders, 100), someFrame(frameData, 100)...)
		conn, client := pacedPipe(&toll{}, call)
		defer client.Close()
		defer conn.Close()
		began := time.Now()
		for buffer := make([]byte, 32<<10); conn.paid.Before(began.Add(-creditLow)); { // the credit of a new one is low
			time.Sleep(time.Millisecond)
			if _, err := conn.Read(buffer); err != nil {
				t.Fatal(err)
			}
		}
		began = time.Now()
		for range 10000 {
			if _, err := io.ReadFull(conn, make([]byte, len(call))); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("10,000 calls waited for %v", waited)
		}
	})
}

// Whoever dials anew for each flood must gain nothing, nor leave connections behind that wait for their turn.
func TestConnectionsOfAFloodPayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span = 5 * time.Second
		const conns = 100
		to := &toll{}
		var read, closed atomic.Int64
		done := make(chan struct{})
		for range conns {
			conn, client := pacedPipe(to, bytes.Repeat(someFrame(frameReset, 4), stepBytes))
			go func() {
				defer func() { done <- struct{}{} }()
				defer client.Close()
				defer conn.Close()
				count, err := readFor(conn, frameReset, 4, span)
				read.Add(int64(count))
				if errors.Is(err, errFlood) {
					closed.Add(1)
				}
			}()
		}
		for range conns {
			<-done
		}
		want := int64((span + tollMax + conns*creditFirst) / framePrice)
		if slack := int64(conns * 2 * stepBytes / 13); read.Load() > want+slack {
			t.Errorf("%d connections had %d frames read in %v; %d are worth it", conns, read.Load(), span, want)
		}
		if closed.Load() == 0 || closed.Load() == conns {
			t.Errorf("%d of %d connections were closed, want some", closed.Load(), conns)
		}
	})
}

func TestClosingEndsAWaitToPay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, client := pacedPipe(&toll{}, nil)
		defer client.Close()
		conn.paid = time.Now().Add(tollMax)
		go func() {
			time.Sleep(time.Millisecond)
			conn.Close()
		}()
		began := time.Now()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) || time.Since(began) != time.Millisecond {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
	})
}

// piped is a listener of one connection without a buffer.
type piped struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *piped) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *piped) Close() error { close(p.closed); return nil }

func (p *piped) Addr() net.Addr { return &net.UnixAddr{} }

// A server has to read all its connections so.
func TestServerPacesItsConnections(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	l := &piped{make(chan net.Conn, 1), make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = n.server.Public().Serve(l) })
	t.Cleanup(func() {
		n.server.Stop(within(t, testTime))
		serving.Wait()
	})
	conn, server := net.Pipe()
	defer conn.Close()
	l.conns <- server
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	began := time.Now()
	if err := conn.SetDeadline(began.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	settings := someFrame(frameSettings, 0)
	settings[8] = 0 // about no stream
	if _, err := conn.Write(append([]byte(clientPreface), settings...)); err != nil {
		t.Fatal(err)
	}
	resets := bytes.Repeat(someFrame(frameReset, 4), stepBytes)
	count := 0
	for err := error(nil); err == nil; {
		var written int
		written, err = conn.Write(resets)
		count += written / 13
	}
	if most := int((time.Since(began)+creditFirst)/framePrice) + 2*stepBytes; count < 1 || count > most {
		t.Errorf("%d frames were read in %v, want some, and %d at most", count, time.Since(began), most)
	}
	alive(t, n)
}
