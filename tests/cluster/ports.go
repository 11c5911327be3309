package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
)

// Ports of nodes lie below those that the kernel gives to outgoing connections (32768 and up on Linux): one of these
// could otherwise take the port of a node that is down, and the node could not come back.
const (
	portsFirst = 12000
	portsLast  = 32000 // of the first of several; 404 more lie below 32768 too
)

var (
	portsMu    sync.Mutex // protects the field below
	portsTaken = map[int]bool{}
)

// FreeAddr returns an address on loopback whose port is free for TCP and UDP, and which no other call returns.
func FreeAddr() (string, error) {
	port, err := FreePort(0)
	return loopback(port), err
}

// FreePort returns a port for a program that takes several, at these offsets from it: all are free on loopback for TCP and
// UDP, and no other call returns any of them.
func FreePort(offsets ...int) (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		first := portsFirst + rand.IntN(portsLast-portsFirst)
		if slices.ContainsFunc(offsets, func(o int) bool { return portsTaken[first+o] || !free(loopback(first+o)) }) {
			continue
		}
		for _, o := range offsets {
			portsTaken[first+o] = true
		}
		return first, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d", portsFirst, portsLast)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// free tells whether an address is free for TCP and UDP.
func free(addr string) bool {
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
