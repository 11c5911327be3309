package grpcserver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// frame is a frame of HTTP/2 (RFC 9113, section 4.1).
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// The kinds of frames.
const (
	headersFrame  = 1
	resetFrame    = 3
	settingsFrame = 4
	pingFrame     = 6
	// endHeaders is the flag of HEADERS without CONTINUATION.
	endHeaders = 4
)

// http2 dials a node as a client of HTTP/2 that does what it likes.
func http2(t *testing.T, n *node) net.Conn {
	t.Helper()
	conn, err := n.public.DialContext(within(t, testTime))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settingsFrame, 0, 0, nil)...)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// opening is the header block of a call, without compression of texts (RFC 7541).
func opening(method string) []byte {
	block := []byte{0x83, 0x86} // POST, http
	text := func(s string) { block = append(append(block, byte(len(s))), s...) }
	block = append(block, 0x04) // :path
	text(method)
	block = append(block, 0x01) // :authority
	text("x")
	for _, field := range [][2]string{{"content-type", "application/grpc"}, {"te", "trailers"}} {
		block = append(block, 0x00)
		text(field[0])
		text(field[1])
	}
	return block
}

// settled waits until no more goroutines run than did.
func settled(t *testing.T, baseline int) {
	t.Helper()
	for deadline := time.Now().Add(testTime); runtime.NumGoroutine() > baseline; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines run, %d before", runtime.NumGoroutine(), baseline)
		}
	}
}

// CVE-2023-44487: calls that are opened and reset at once must not start more handlers than calls that stay.
func TestCallsThatAreResetAtOnceGainNothing(t *testing.T) {
	n := start(t, 1, Limits{StreamsPerConnection: 8})[0]
	alive(t, n)
	baseline := runtime.NumGoroutine()
	conn := http2(t, n)
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	cancelled := binary.BigEndian.AppendUint32(nil, 8)
	for i := range uint32(5000) {
		stream := 2*i + 1
		both := append(frame(headersFrame, endHeaders, stream, opening(cachev1.CacheService_Pipeline_FullMethodName)), frame(resetFrame, 0, stream, cancelled)...)
		if _, err := conn.Write(both); err != nil {
			break // cut, which is as good
		}
		if i%500 == 0 {
			if running := runtime.NumGoroutine(); running > baseline+200 {
				t.Fatalf("%d goroutines run, %d before", running, baseline)
			}
		}
	}
	alive(t, n)
	conn.Close()
	settled(t, baseline)
}

func TestFloodOfPingsEndsItsConnection(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	conn := http2(t, n)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	for {
		if _, err := conn.Write(frame(pingFrame, 0, 0, make([]byte, 8))); err != nil {
			break
		}
	}
	<-ended
	alive(t, n)
}

func TestCallsThatAreCancelledAtOnceLeaveNothingBehind(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	alive(t, n)
	baseline := runtime.NumGoroutine()
	for range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, _ = n.cache.Set(ctx, set([]byte("k"), "v")) // any outcome is right
	}
	alive(t, n)
	settled(t, baseline)
}
