package respserver

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/certs/certstest"
)

// secureFixture is a server whose second listener speaks TLS.
func secureFixture(t *testing.T, limits Limits) (f *fixture, addr string, config *tls.Config) {
	t.Helper()
	ca := certstest.New(t, t.TempDir())
	pair := ca.Issue("node", certstest.ForServers)
	files, err := certs.Open(certs.Files{Cert: pair.Cert, Key: pair.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := certs.Open(certs.Files{CA: ca.CA}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f = start(t, fixtureConfig{limits: limits})
	done := make(chan error, 1)
	go func() { done <- f.server.Serve(tls.NewListener(l, files.Server(certs.ClientCertsNone))) }()
	t.Cleanup(func() {
		if err := f.server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return f, l.Addr().String(), trust.Client(l.Addr().String(), "")
}

// One that connects and never shakes hands must keep nobody waiting: neither those who come after it nor Close.
func TestSilentTLSClientsKeepNobodyWaiting(t *testing.T) {
	f, addr, config := secureFixture(t, Limits{ClientsMax: 2})
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	ping := func() {
		t.Helper()
		got := make([]byte, len("+PONG\r\n"))
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); string(got) != "+PONG\r\n" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	ping()
	// Both connections that there may be are taken. The next are closed without a word, since that would wait for theirs.
	for range 5 {
		more, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := more.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(more); len(got) != 0 {
			t.Errorf("got %q, %v", got, err)
		}
		more.Close()
	}
	ping()
	if st := f.server.Stats(); st.Refused != 5 || st.Connections != 2 {
		t.Errorf("%d connections refused, %d open; want 5 and 2", st.Refused, st.Connections)
	}
}
