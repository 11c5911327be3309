package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holtcache/holt/tests/model"
)

// compareReplicas reads keys at every node's own replicas until all of them hold the same; what still differs at the end
// of the context is a violation. A node that holds no replica of a key's shard has no say.
func compareReplicas(ctx context.Context, addrs []string, keys []string) error {
	err := until(ctx, func() error {
		first := make([]any, len(keys))
		by := make([]string, len(keys))
		for _, addr := range addrs {
			values, err := valuesAt(addr, keys)
			if err != nil {
				return fmt.Errorf("node at %s: %w", addr, err)
			}
			for i, value := range values {
				switch {
				case value == absent:
				case by[i] == "":
					first[i], by[i] = value, addr
				case value != first[i]:
					return fmt.Errorf("key %s: the node at %s holds %v, that at %s %v", keys[i], addr, value, by[i], first[i])
				}
			}
		}
		return nil
	})
	if err != nil {
		return model.Differ("the replicas do not come to hold the same: %v", err)
	}
	return nil
}

type noReplica struct{}

// absent stands for what a node without a replica holds.
var absent any = noReplica{}

// pipelined is how many reads are under way at once.
const pipelined = 100

// valuesAt reads keys at one node's own replicas.
func valuesAt(addr string, keys []string) ([]any, error) {
	conn, err := Dial(addr, RequestTimeout, Modes{Read: stale}.commands()...)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	values := make([]any, 0, len(keys))
	for from := 0; from < len(keys); from += pipelined {
		chunk := keys[from:min(from+pipelined, len(keys))]
		for _, key := range chunk {
			if err := conn.Send(RequestTimeout, "GET", key); err != nil {
				return nil, err
			}
		}
		for range chunk {
			value, err := conn.Receive(RequestTimeout)
			if refused := ServerError(""); errors.As(err, &refused) && strings.HasPrefix(string(refused), "MOVED ") {
				value, err = absent, nil
			}
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
	}
	return values, nil
}
