package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// Session is a connection to a server, which gives replies as the bytes that came.
type Session struct {
	t       testing.TB
	network string
	address string
	proto   int

	conn    net.Conn
	came    bytes.Buffer
	replies *resp.ReplyReader
}

// Closed stands for the reply of a server that closes the connection.
const Closed = "(connection closed)"

// Dial connects as soon as somebody listens, and speaks this protocol. The connection ends with the test.
func Dial(t testing.TB, network, address string, proto int) *Session {
	t.Helper()
	s := &Session{t: t, network: network, address: address, proto: proto}
	t.Cleanup(func() { s.hangUp() })
	s.Renew()
	return s
}

func (s *Session) hangUp() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// Renew begins anew with another connection.
func (s *Session) Renew() {
	s.t.Helper()
	s.hangUp()
	await(s.t, s.address+" listens", func() bool {
		conn, err := net.Dial(s.network, s.address)
		s.conn = conn
		return err == nil
	})
	s.replies = resp.NewReplyReader(io.TeeReader(s.conn, &s.came))
	if hello := s.Do("HELLO", fmt.Sprint(s.proto)); hello[0] == '-' {
		s.t.Fatalf("HELLO: %s", hello)
	}
}

// Do sends one command and returns the bytes of its reply, Closed where there is none any more.
func (s *Session) Do(args ...string) []byte {
	s.t.Helper()
	return s.Pipeline([][]string{args})
}

// Pipeline sends commands and returns the bytes of all replies.
func (s *Session) Pipeline(commands [][]string) []byte {
	s.t.Helper()
	var request []byte
	for _, args := range commands {
		raw := make([][]byte, len(args))
		for i, arg := range args {
			raw[i] = []byte(arg)
		}
		request = resp.AppendCommand(request, raw...)
	}
	s.came.Reset()
	_ = s.conn.SetDeadline(time.Now().Add(patience))
	if _, err := s.conn.Write(request); err != nil {
		return s.lost(commands, err)
	}
	for range commands {
		if _, err := s.replies.Read(); err != nil {
			return s.lost(commands, err)
		}
	}
	return bytes.Clone(s.came.Bytes())
}

func (s *Session) lost(commands [][]string, err error) []byte {
	s.t.Helper()
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		s.t.Fatalf("%s: reply to %.200q: %v", s.address, commands, err)
	}
	s.Renew()
	return []byte(Closed)
}
