package node

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/transport"
)

// openPort is a cluster port of which the gRPC half echoes, and the Raft half hands its connections to the test.
func openPort(t *testing.T) (p *clusterPort, raft chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	raft = make(chan net.Conn, 8)
	p = newClusterPort(l, func(c net.Conn) { raft <- c })
	served, accepted := make(chan struct{}), make(chan struct{})
	go func() { defer close(served); p.serve() }()
	go func() {
		defer close(accepted)
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			_, _ = io.CopyN(c, c, int64(len(http2Preface)))
			c.Close()
		}
	}()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		<-served
		<-accepted
		if err := p.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
	return p, raft
}

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func dialPort(t *testing.T, p *clusterPort) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClusterPortTellsRaftFromGRPC(t *testing.T) {
	p, raft := openPort(t)
	c := dialPort(t, p)
	for _, b := range []byte(http2Preface) { // byte by byte, as a slow network may bring it
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(http2Preface))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != http2Preface {
		t.Errorf("gRPC got %q, %v, want all that was sent", got, err)
	}
	c = dialPort(t, p)
	if _, err := c.Write(append(bytes.Clone(transport.Preface), "rest"...)); err != nil {
		t.Fatal(err)
	}
	server := <-raft
	defer server.Close()
	rest := make([]byte, 4)
	if _, err := io.ReadFull(server, rest); err != nil || string(rest) != "rest" {
		t.Errorf("Raft got %q, %v, want what comes after the preface", rest, err)
	}
}

// Connections that never say what they are end with the port, and only so many are held: the others are closed at once
// and real nodes come through as soon as one of the silent ones is gone.
func TestSilentConnectionsOfTheClusterPortAreBounded(t *testing.T) {
	p, raft := openPort(t)
	held := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns)
	}
	silent := make([]net.Conn, 0, prefacesMax)
	for range prefacesMax {
		silent = append(silent, dialPort(t, p))
	}
	await(t, "all silent connections are held", func() bool { return held() == prefacesMax })
	over := dialPort(t, p)
	if _, err := over.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a connection over the limit: %v", err)
	}
	silent[0].Close()
	await(t, "a silent connection that ended is let go", func() bool { return held() < prefacesMax })
	c := dialPort(t, p)
	if _, err := c.Write(transport.Preface); err != nil {
		t.Fatal(err)
	}
	(<-raft).Close()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := silent[1].Read(make([]byte, 1)); err == nil || errors.Is(err, errTimeout(err)) {
		t.Errorf("a silent connection outlived the port: %v", err)
	}
}

// errTimeout is err itself if it is a deadline's.
func errTimeout(err error) error {
	var n net.Error
	if errors.As(err, &n) && n.Timeout() {
		return err
	}
	return errors.New("no timeout")
}

func TestGarbageOnTheClusterPortCostsItsConnection(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	for _, garbage := range []string{
		"GET / HTTP/1.1\r\n\r\n", "*1\r\n$9223372036854775807\r\n", strings.Repeat("\x00", 1<<16), strings.Repeat("\xff", 1<<16),
		string(transport.Preface) + strings.Repeat("\xff", 1<<16), http2Preface + strings.Repeat("\xff", 1<<16), "H",
	} {
		c, err := net.Dial("tcp", n.Addresses().Cluster)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(garbage)) // it may be cut off before the end
		_ = c.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, errTimeout(err)) {
			t.Errorf("%.20q: the connection stays open: %v", garbage, err)
		}
		c.Close()
	}
	if _, err := admin0(t, n).Status(t.Context()); err != nil {
		t.Errorf("the node does not answer any more: %v", err)
	}
}

func TestAdvertisedAddressIsOneThatOthersReach(t *testing.T) {
	for _, c := range []struct{ listen, advertise, want, err string }{
		{"127.0.0.1:7001", "", "127.0.0.1:7001", ""},
		{"0.0.0.0:7001", "10.0.0.1:7001", "10.0.0.1:7001", ""},
		{"[::]:7001", "[2001:db8::1]:0", "[2001:db8::1]:7001", ""},
		{"127.0.0.1:7001", "db.example:0", "db.example:7001", ""},
		{"0.0.0.0:7001", "", "", "--advertise"},
		{"[::]:7001", "", "", "--advertise"},
		{":7001", "", "", "--advertise"},
		{"127.0.0.1:7001", "0.0.0.0:7001", "", "--advertise"},
		{"127.0.0.1:7001", "nowhere", "", "want host:port"},
	} {
		got, err := advertised("RESP", c.listen, c.advertise)
		if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("listen %s, advertise %q: %q, %v, want %q, %q", c.listen, c.advertise, got, err, c.want, c.err)
		}
	}
}

func TestAdvertiseHostFillsWhatIsNotSet(t *testing.T) {
	cfg := Config{Listen: DefaultListen(), Advertise: meta.Addresses{GRPC: "other:1"}}
	if err := cfg.SetAdvertiseHost("2001:db8::1"); err != nil {
		t.Fatal(err)
	}
	want := meta.Addresses{RESP: "[2001:db8::1]:6379", GRPC: "other:1", Cluster: "[2001:db8::1]:6381", Gossip: "[2001:db8::1]:6382", HTTP: "[2001:db8::1]:6383"}
	if cfg.Advertise != want {
		t.Errorf("%+v, want %+v", cfg.Advertise, want)
	}
}

func TestGossipPortInUseByUDPAloneIsFoundAtTheStart(t *testing.T) {
	taken, err := net.ListenPacket("udp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := Config{Dir: t.TempDir(), Listen: anyListen, Fatal: func(err error) { panic(err) }}
	cfg.Listen.Gossip = taken.LocalAddr().String()
	if n, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "choose another address with --gossip") {
		t.Errorf("err %v", err)
		if err == nil {
			closeNode(t, n)
		}
	}
}
