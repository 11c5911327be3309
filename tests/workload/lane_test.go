package workload

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/tests/model"
)

func key(generation int) string { return fmt.Sprint("key ", generation) }

// The search for an order does not end in time for long histories, so a key gets no more than the bounds.
func TestLaneGoesOnToTheNextKeyAtTheBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		outcome model.Outcome
		bound   int
	}{{model.OK, opsMax}, {model.Unknown, unknownMax}} {
		lane := NewLane(key, func(*rand.Rand, string, int, int) model.Op { return model.Op{Kind: model.Incr} })
		for i := range 2*tt.bound + 1 {
			o := lane.next(random, 0, i)
			if want := key(i / tt.bound); o.Key != want {
				t.Fatalf("outcome %v, operation %d: got %s, want %s", tt.outcome, i, o.Key, want)
			}
			o.Outcome = tt.outcome
			lane.done(o)
		}
	}
}

func TestWritersWriteEachKeyOnce(t *testing.T) {
	lane := Writers(key)
	keys, values := map[string]bool{}, map[string]bool{}
	for i := range 1000 {
		o := lane.next(nil, i%3, i/3)
		keys[o.Key], values[o.Arg] = true, true
	}
	if len(keys) != 1000 || len(values) != 1000 {
		t.Errorf("%d keys, %d values; want 1000 of each", len(keys), len(values))
	}
}

// A value that is written twice would make every search meaningless.
func TestValuesOfRegistersAreUnique(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	seen := map[string]bool{}
	for i := range 2000 {
		o := Registers(random, "", i%5, i/5)
		if o.Arg != "" && seen[o.Arg] {
			t.Fatalf("value %s twice", o.Arg)
		}
		seen[o.Arg] = true
	}
}
