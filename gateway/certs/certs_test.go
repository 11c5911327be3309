package certs

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/certs/certstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, files Files) *Store {
	t.Helper()
	s, err := Open(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// meet lets a client call a server. It returns what the server's certificate is called and what each side says.
func meet(t *testing.T, server, client *tls.Config) (name string, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	deadline := time.Now().Add(10 * time.Second)
	if err := errors.Join(dialed.SetDeadline(deadline), accepted.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		conn := tls.Server(accepted, server)
		_, err := conn.Write([]byte("x"))
		served <- err
		accepted.Close()
	}()
	conn := tls.Client(dialed, client)
	_, err = io.ReadFull(conn, make([]byte, 1)) // with TLS 1.3 a client hears of a refusal by its first read
	if certs := conn.ConnectionState().PeerCertificates; len(certs) > 0 {
		name = certs[0].Subject.CommonName
	}
	dialed.Close()
	return name, errors.Join(err, <-served)
}

func TestServerShowsItsCertificateToWhoeverKnowsTheAuthority(t *testing.T) {
	ca := certstest.New(t, t.TempDir())
	other := certstest.New(t, t.TempDir())
	server := ca.Issue("server", certstest.ForServers)
	s := open(t, Files{Cert: server.Cert, Key: server.Key})
	if name, err := meet(t, s.Server(ClientCertsNone), open(t, Files{CA: ca.CA}).Client("127.0.0.1:1", "")); name != "server" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := meet(t, s.Server(ClientCertsNone), open(t, Files{CA: other.CA}).Client("127.0.0.1:1", "")); err == nil {
		t.Error("a certificate of another authority was believed")
	}
	if _, err := meet(t, s.Server(ClientCertsNone), open(t, Files{CA: ca.CA}).Client("10.0.0.1:1", "")); err == nil {
		t.Error("a certificate for another host was believed")
	}
}

func TestClientsAreAskedForCertificatesAsConfigured(t *testing.T) {
	ca, other := certstest.New(t, t.TempDir()), certstest.New(t, t.TempDir())
	server, client, foreign := ca.Issue("server", certstest.ForServers), ca.Issue("client", certstest.ForClients), other.Issue("foreign", certstest.ForClients)
	s := open(t, Files{Cert: server.Cert, Key: server.Key, CA: ca.CA})
	none := open(t, Files{CA: ca.CA})
	known := open(t, Files{CA: ca.CA, Cert: client.Cert, Key: client.Key})
	unknown := open(t, Files{CA: ca.CA, Cert: foreign.Cert, Key: foreign.Key})
	for _, c := range []struct {
		ask    ClientCerts
		client *Store
		ok     bool
	}{
		{ClientCertsNone, none, true}, {ClientCertsNone, unknown, true},
		{ClientCertsOptional, none, true}, {ClientCertsOptional, known, true},
		{ClientCertsRequired, none, false}, {ClientCertsRequired, known, true}, {ClientCertsRequired, unknown, false},
	} {
		if _, err := meet(t, s.Server(c.ask), c.client.Client("127.0.0.1:1", "")); (err == nil) != c.ok {
			t.Errorf("asking %d: %v, want ok=%v", c.ask, err, c.ok)
		}
	}
}

// An authority that gives certificates to clients too does not make nodes of them.
func TestOnlyCertificatesOfNodesOpenTheClusterPort(t *testing.T) {
	ca, other := certstest.New(t, t.TempDir()), certstest.New(t, t.TempDir())
	node := ca.Issue("node", certstest.ForNodes, "node.holt")
	s := open(t, Files{Cert: node.Cert, Key: node.Key, CA: ca.CA})
	caller := func(a *certstest.Authority, use certstest.Use, dns ...string) *tls.Config {
		p := a.Issue("caller", use, dns...)
		return open(t, Files{CA: ca.CA, Cert: p.Cert, Key: p.Key}).Client("127.0.0.1:1", "")
	}
	for _, c := range []struct {
		what   string
		name   string
		client *tls.Config
		ok     bool
	}{
		{"a node", "", caller(ca, certstest.ForNodes), true},
		{"a node of that name", "node.holt", caller(ca, certstest.ForNodes, "node.holt"), true},
		{"a node of another name", "node.holt", caller(ca, certstest.ForNodes, "other.holt"), false},
		{"a client", "", caller(ca, certstest.ForClients), false},
		{"a server that is no client", "", caller(ca, certstest.ForServers), false},
		{"a node of another authority", "", caller(other, certstest.ForNodes, "node.holt"), false},
		{"nobody", "", open(t, Files{CA: ca.CA}).Client("127.0.0.1:1", ""), false},
	} {
		if _, err := meet(t, s.NodeServer(c.name), c.client); (err == nil) != c.ok {
			t.Errorf("%s: %v, want ok=%v", c.what, err, c.ok)
		}
	}
	// A node whose address its certificate does not name is known by the name that all of them carry.
	if _, err := meet(t, s.NodeServer(""), s.Client("10.0.0.1:1", "node.holt")); err != nil {
		t.Error(err)
	}
}

// later makes the next handshake look at the files.
func (s *Store) later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = s.looked.Add(-2 * lookEvery)
}

func TestFilesThatWereReplacedHoldFromTheNextHandshakeOn(t *testing.T) {
	dir := t.TempDir()
	ca := certstest.New(t, dir)
	first := ca.Issue("first", certstest.ForServers)
	s := open(t, Files{Cert: first.Cert, Key: first.Key})
	config, client := s.Server(ClientCertsNone), open(t, Files{CA: ca.CA})
	next := func(want string) {
		t.Helper()
		s.later()
		if name, err := meet(t, config, client.Client("127.0.0.1:1", "")); name != want || err != nil {
			t.Errorf("got %q, %v; want %q", name, err, want)
		}
	}
	next("first")
	second := ca.Issue("second", certstest.ForServers)
	replace := func(path, by string) {
		t.Helper()
		if err := os.Rename(by, path); err != nil {
			t.Fatal(err)
		}
	}
	replace(first.Cert, second.Cert)
	next("first") // half of a pair
	replace(first.Key, second.Key)
	next("second")
	if err := os.Remove(first.Key); err != nil {
		t.Fatal(err)
	}
	next("second")
}

// Who was let in by an authority that is not believed any more is judged anew, though the session could be resumed.
func TestSessionsEndWithTheirAuthority(t *testing.T) {
	dir := t.TempDir()
	ca, next := certstest.New(t, dir), certstest.New(t, t.TempDir())
	server, client := ca.Issue("server", certstest.ForServers), ca.Issue("client", certstest.ForClients)
	s := open(t, Files{Cert: server.Cert, Key: server.Key, CA: ca.CA})
	config := s.Server(ClientCertsRequired)
	caller := open(t, Files{CA: ca.CA, Cert: client.Cert, Key: client.Key}).Client("127.0.0.1:1", "")
	caller.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	for range 2 {
		if _, err := meet(t, config, caller); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(next.CA, ca.CA); err != nil {
		t.Fatal(err)
	}
	s.later()
	if _, err := meet(t, config, caller); err == nil {
		t.Error("a client of an authority that was taken away was let in")
	}
}

func TestFilesThatMakeNoSenseAreRefusedByName(t *testing.T) {
	ca := certstest.New(t, t.TempDir())
	a, b := ca.Issue("a", certstest.ForNodes), ca.Issue("b", certstest.ForNodes)
	for _, c := range []struct {
		files Files
		want  string
	}{
		{Files{Cert: a.Cert}, "belong together"},
		{Files{Key: a.Key}, "belong together"},
		{Files{Cert: a.Cert, Key: b.Key}, a.Cert},
		{Files{Cert: a.Cert + "x", Key: a.Key}, a.Cert + "x"},
		{Files{CA: a.Key}, a.Key},
	} {
		if _, err := Open(c.files, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q in it", c.files, err, c.want)
		}
	}
}

func TestOnePortHearsWhetherAClientSpeaksTLS(t *testing.T) {
	ca := certstest.New(t, t.TempDir())
	server := ca.Issue("server", certstest.ForServers)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	either := ListenEither(l, open(t, Files{Cert: server.Cert, Key: server.Key}).Server(ClientCertsNone))
	defer either.Close()
	done := make(chan error, 2)
	go func() {
		for range 2 {
			conn, err := either.Accept()
			if err != nil {
				done <- err
				return
			}
			_, err = io.Copy(conn, conn)
			done <- errors.Join(err, conn.(interface{ CloseWrite() error }).CloseWrite(), conn.Close())
		}
	}()
	for _, dial := range []func() (net.Conn, error){
		func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) },
		func() (net.Conn, error) {
			return tls.Dial("tcp", l.Addr().String(), open(t, Files{CA: ca.CA}).Client(l.Addr().String(), ""))
		},
	} {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		conn.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
