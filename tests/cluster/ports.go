package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports of nodes lie below those that the kernel gives to outgoing connections (32768 and up on Linux): one of these
// could otherwise take the port of a node that is down, and the node could not come back.
const (
	portsFirst = 12000
	portsLast  = 32000
)

var (
	portsMu    sync.Mutex // protects the field below
	portsTaken = map[int]bool{}
)

// FreeAddr returns an address on loopback whose port is free for TCP and UDP, and which no other call returns.
func FreeAddr() (string, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := portsFirst + rand.IntN(portsLast-portsFirst)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if !portsTaken[port] && Free(addr) {
			portsTaken[port] = true
			return addr, nil
		}
	}
	return "", fmt.Errorf("no free port between %d and %d", portsFirst, portsLast)
}

// Free tells whether an address is free for TCP and UDP.
func Free(addr string) bool {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		tcp.Close()
		return false
	}
	return errors.Join(tcp.Close(), udp.Close()) == nil
}
