package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/slot"
)

// refreshMin is how far apart two looks at the slot map are: when a leader moves, every connection asks.
const refreshMin = 50 * time.Millisecond

// routes is where the leaders are, as the cluster last told.
type routes struct {
	spec Spec
	keys *keySpace

	mu      sync.Mutex // protects the fields below; held while the cluster is asked, so that one connection asks for all
	leaders []leader
	at      time.Time
}

// leader is one address and the keys whose slots it serves.
type leader struct {
	addr string
	keys [][]byte
}

// refresh asks anew unless that was done after since.
func (r *routes) refresh(ctx context.Context, since time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.spec.Cluster {
		r.leaders = []leader{{r.spec.Addr, r.keys.keys}}
		return nil
	}
	if r.at.After(since) {
		return nil
	}
	if !pause(ctx, refreshMin-min(time.Since(r.at), refreshMin)) {
		return context.Cause(ctx)
	}
	c, err := dial(ctx, r.spec.Addr, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	reply, err := c.do("CLUSTER", "SLOTS")
	if err != nil {
		return err
	}
	ranges, err := parseSlots(reply)
	if err != nil {
		return fmt.Errorf("CLUSTER SLOTS of %s: %w", r.spec.Addr, err)
	}
	r.leaders, r.at = r.leaders[:0:0], time.Now()
	for _, addr := range slices.Sorted(maps.Keys(ranges)) {
		keys := r.keys.of(ranges[addr])
		if len(keys) == 0 && len(r.spec.Slots) > 0 {
			continue
		}
		if len(keys) == 0 {
			return fmt.Errorf("none of the %d keys belongs to the leader at %s: use more", len(r.keys.keys), addr)
		}
		r.leaders = append(r.leaders, leader{addr, keys})
	}
	return nil
}

// of is the leader that the connection number i sends to.
func (r *routes) of(i int) leader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leaders[i%len(r.leaders)]
}

func (r *routes) all() []leader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leaders
}

// parseSlots reads [first, last, [host, port, ...], ...]... into the slots of each address, and wants all slots.
func parseSlots(reply resp.Value) (map[string][]slot.Range, error) {
	ranges := map[string][]slot.Range{}
	covered := 0
	for _, row := range reply.Elems {
		if len(row.Elems) < 3 || len(row.Elems[2].Elems) < 2 {
			return nil, errors.New("a row has no leader")
		}
		first, last, node := row.Elems[0].Int, row.Elems[1].Int, row.Elems[2].Elems
		if first < 0 || last < first || last >= slot.Count {
			return nil, fmt.Errorf("%d-%d is no range of slots", first, last)
		}
		addr := net.JoinHostPort(string(node[0].Str), strconv.FormatInt(node[1].Int, 10))
		ranges[addr] = append(ranges[addr], slot.Range{First: slot.ID(first), Last: slot.ID(last)})
		covered += int(last - first + 1)
	}
	if covered != slot.Count {
		return nil, fmt.Errorf("%d slots have a leader, want %d", covered, slot.Count)
	}
	return ranges, nil
}
