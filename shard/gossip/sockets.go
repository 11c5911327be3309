package gossip

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// Sockets are what a node gossips through: packets and streams at one address.
type Sockets interface {
	memberlist.NodeAwareTransport
	// Port is where they listen.
	Port() int
	// Dial opens a stream to host:port. The end of ctx, or the timeout, gives up.
	Dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error)
}

// hostSockets are those of this machine.
type hostSockets struct{ *memberlist.NetTransport }

var _ Sockets = hostSockets{}

func (s hostSockets) Port() int { return s.GetAutoBindPort() }

func (s hostSockets) Dial(ctx context.Context, addr string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout}
	return dialer.DialContext(ctx, "tcp", addr)
}

// listenTries is how often a free port is looked for that is free for TCP and UDP both.
const listenTries = 20

// listen opens TCP and UDP on one port. With port 0 it looks for a port that is free for both.
func listen(bind netip.AddrPort, l *log.Logger) (Sockets, error) {
	var err error
	for range listenTries {
		var nt *memberlist.NetTransport
		nt, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{bind.Addr().String()},
			BindPort:  int(bind.Port()),
			Logger:    l,
		})
		if err == nil {
			return hostSockets{nt}, nil
		}
		if bind.Port() != 0 {
			break
		}
	}
	if bind.Port() != 0 && portTaken(bind) {
		return nil, fmt.Errorf("listen for gossip on %s: tcp or udp port is in use; stop the other process or choose another gossip address: %w", bind, err)
	}
	return nil, fmt.Errorf("listen for gossip on %s: %w", bind, err)
}

// portTaken finds out why listening failed: memberlist's error keeps no cause.
func portTaken(bind netip.AddrPort) bool {
	t, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(bind))
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	_ = t.Close()
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(bind))
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	_ = u.Close()
	return false
}
