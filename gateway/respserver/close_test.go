package respserver

import (
	"net"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

func TestCloseLetsWhatIsInFlightBeAnswered(t *testing.T) {
	f := start(t, fixtureConfig{})
	idle, busy := f.dial(), f.dial()
	idle.want("PING", "+PONG")
	f.replicas[0].log.gate.Lock()
	busy.send("SET a 1")
	eventually(t, "the write is submitted", func() bool { return f.replicas[0].submits.Load() == 1 })
	closed := make(chan error)
	go func() { closed <- f.server.Close() }()
	idle.wantClosed()
	f.replicas[0].log.gate.Unlock()
	if got := busy.recv(); got != "+OK" {
		t.Fatalf("got %q", got)
	}
	busy.wantClosed()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := f.server.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.server.Serve(l); err != ErrClosed {
		t.Fatalf("Serve after Close: %v", err)
	}
}

// A fault in a command costs its connection and nothing else.
func TestPanicCostsItsConnectionOnly(t *testing.T) {
	f := start(t, fixtureConfig{})
	for spec, r := range f.server.rows {
		if spec.Name == "time" {
			r.handler = func(*conn, [][]byte) resp.Value { panic("planted") }
		}
	}
	bystander := f.dial()
	c := f.dial()
	c.send("TIME")
	c.wantClosed()
	bystander.want("PING", "+PONG")
	if n := f.server.Stats().Panics; n != 1 {
		t.Fatalf("%d panics counted, want 1", n)
	}
}
