package gossip

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

func TestMetadataThatGrowsTooLongIsRefusedAtOpen(t *testing.T) {
	cfg := fastConfig("a")
	long := strings.Repeat("h", 120) + ":6379"
	cfg.Self = Node{Start: 1, RESP: long, GRPC: long, Cluster: long, HTTP: long}
	g, err := Open(cfg)
	if err == nil {
		_ = g.Close()
	}
	if !errors.Is(err, ErrMetaTooLong) || !strings.Contains(err.Error(), "512") {
		t.Errorf("got %v, want %v with the limit", err, ErrMetaTooLong)
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	g := open(t, fastConfig("a"))
	for want, change := range map[string]func(*Config){
		"cluster id":        func(c *Config) { c.ClusterID = "" },
		"node id":           func(c *Config) { c.NodeID = "a b" },
		"RESP address":      func(c *Config) { c.Self.RESP = "a\n:1" },
		"in use":            func(c *Config) { c.BindAddr = g.Self().Gossip },
		"host:port":         func(c *Config) { c.BindAddr = "127.0.0.1" },
		"advertise address": func(c *Config) { c.BindAddr = "0.0.0.0:0" },
		"probe interval":    func(c *Config) { c.ProbeTimeout = time.Hour },
		"key size":          func(c *Config) { c.SecretKeys = [][]byte{[]byte("short")} },
	} {
		cfg := fastConfig("b")
		change(&cfg)
		b, err := Open(cfg)
		if err == nil {
			_ = b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
}

func TestCloseTwiceAndAmidJoining(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cfg := fastConfig("a", silent.Addr().String())
	cfg.StreamTimeout = time.Hour
	g := open(t, cfg)
	conn, err := silent.Accept() // the join is under way
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWatchHoldsOneSignalAndStopEndsIt(t *testing.T) {
	g := open(t, fastConfig("a"))
	changed, stop := g.Watch()
	g.AnnounceEpoch(1)
	g.AnnounceEpoch(2)
	<-changed
	select {
	case <-changed:
		t.Error("two signals for changes that were not looked at; want one")
	default:
	}
	stop()
	g.AnnounceEpoch(3)
	select {
	case <-changed:
		t.Error("a signal after stop")
	default:
	}
}
