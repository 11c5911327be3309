package respserver

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/router"
)

// pipeServer serves one connection of net.Pipe, whose deadlines follow the clock of synctest.
func pipeServer(limits Limits) (*Server, net.Conn) {
	s := New(Config{Router: router.New(&scriptedCluster{}), Table: command.NewTable(command.Limits{}), Limits: limits, Logger: discardLogger()})
	client, conn := net.Pipe()
	s.serveConn(conn)
	return s, client
}

func TestOneByteAtATimeDoesNotMoveTheCommandDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := pipeServer(Limits{CommandDeadline: 30 * time.Second})
		begin := time.Now()
		_, err := client.Write([]byte("*1\r\n$100\r\n"))
		for ticker := time.NewTicker(time.Second); err == nil; <-ticker.C {
			_, err = client.Write([]byte("x"))
		}
		if took := time.Since(begin); took < 30*time.Second || took > 32*time.Second {
			t.Errorf("closed after %v, want 30 s", took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCommandDeadlineBeginsAnewWithEachCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := pipeServer(Limits{CommandDeadline: 3 * time.Second})
		in := make([]byte, len("+PONG\r\n"))
		for range 10 {
			for _, part := range []string{"*1\r\n", "$4\r\nPI", "NG\r\n"} {
				if _, err := client.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
				if part != "NG\r\n" {
					<-time.After(time.Second)
				}
			}
			if _, err := client.Read(in); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What a client does not take is cut at the write deadline, and not before: each step has its own.
func TestReplyThatNobodyTakesIsCutAtTheWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := pipeServer(Limits{WriteDeadline: 10 * time.Second})
		begin := time.Now()
		if _, err := client.Write([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		for ticker := time.NewTicker(time.Second); s.Stats().Connections > 0; <-ticker.C {
			if time.Since(begin) > time.Minute {
				t.Fatal("the connection stays open")
			}
		}
		if took := time.Since(begin); took < 10*time.Second || took > 12*time.Second {
			t.Errorf("closed after %v, want 10 s", took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
