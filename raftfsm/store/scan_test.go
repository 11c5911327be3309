package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// A scan changes replicas at every step. They hold the same keys and never had the same tables: one grew and shrank, one was
// filled from a snapshot and had other keys moved out; and keys that are not to stay come and go meanwhile. With equal
// seeds every key that stays is given.
func TestScanGoesOnAtAnotherReplica(t *testing.T) {
	for seed := range uint64(8) {
		if missed := scanTwoReplicas(seed, 77, 77); missed != 0 {
			t.Errorf("seed %d: %d keys were missed", seed, missed)
		}
	}
	missed := 0
	for seed := range uint64(8) {
		missed += scanTwoReplicas(seed, 77, 78)
	}
	if missed == 0 {
		t.Error("replicas of different hash seeds miss nothing either: the test cannot fail")
	}
}

func scanTwoReplicas(seed, hashSeedA, hashSeedB uint64) (missed int) {
	r := rand.New(rand.NewPCG(seed, 1))
	stay, come := 500+r.IntN(1500), 4000
	stays := func(i int) string { return fmt.Sprintf("{x}stays%d", i) }
	comes := func(i int) string { return fmt.Sprintf("{x}comes%d", i) }
	a, b := NewSeeded(hashSeedA), NewSeeded(hashSeedB)
	for i := range stay {
		apply(a, set(stays(i), "v", 0, 1))
	}
	for i := range come { // a's tables grow and shrink
		apply(a, set(comes(i), "v", 0, 1))
	}
	for i := range come {
		apply(a, del(comes(i)))
	}
	for _, i := range r.Perm(stay) {
		apply(b, set(stays(i), "v", 0, 1))
	}

	id := slot.Of([]byte("{x}"))
	seen := map[string]bool{}
	for cursor, step := uint64(0), 0; ; step++ {
		s := a
		if step%2 == 1 {
			s = b
		}
		sl := s.Slot(id)
		sl.RLock()
		cursor = sl.ScanLocked(cursor, func(key []byte, _ Item) { seen[string(key)] = true })
		sl.RUnlock()
		if cursor == 0 {
			break
		}
		for range r.IntN(300) {
			e := set(comes(r.IntN(come)), "v", 0, 2)
			if r.IntN(3) == 0 {
				e = entry.Effect{Kind: entry.EffectDel, Key: e.Key}
			}
			apply(a, e)
			if r.IntN(10) > 0 { // b lags behind, or is ahead
				apply(b, e)
			}
		}
	}
	for i := range stay {
		if !seen[stays(i)] {
			missed++
		}
	}
	return missed
}
