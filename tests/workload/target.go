package workload

import (
	"fmt"
	"slices"
)

// Target is the cluster that clients work on.
type Target struct {
	// RESP and GRPC are the addresses of the nodes, in the same order.
	RESP, GRPC []string
	// Keys makes for each shard keys that it serves: those numbered i among all with the prefix.
	Keys []func(prefix string, i int) string
}

// ClientKind is the protocol that clients speak. The zero value means "not set".
type ClientKind uint8

const (
	// RESP clients are go-redis, rueidis and, pinned to one node each, plain connections.
	RESP ClientKind = iota + 1
	// GRPC clients are generated stubs. Some follow the hints to leaders, some leave the way to the node that they ask.
	GRPC
)

var clientKinds = []string{RESP: "resp", GRPC: "grpc"}

func (k ClientKind) String() string { return clientKinds[k] }

// MarshalText is the name.
func (k ClientKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ParseClientKind finds a kind by its name.
func ParseClientKind(name string) (ClientKind, error) {
	if i := slices.Index(clientKinds, name); i > 0 {
		return ClientKind(i), nil
	}
	return 0, fmt.Errorf("client %q: use resp or grpc", name)
}
