package load

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// keySpace is every key of the load, by slot.
type keySpace struct {
	keys  [][]byte
	slots []slot.ID // of the key at the same place
}

// newKeySpace makes n keys of 16 bytes, all within ranges where there are any.
func newKeySpace(prefix string, n int, ranges []slot.Range) *keySpace {
	k := &keySpace{keys: make([][]byte, 0, n), slots: make([]slot.ID, 0, n)}
	for i := 0; len(k.keys) < n; i++ {
		key := fmt.Appendf(nil, "%s%012d", cmp.Or(prefix, "key:"), i)
		s := slot.Of(key)
		if len(ranges) == 0 || within(ranges, s) {
			k.keys, k.slots = append(k.keys, key), append(k.slots, s)
		}
	}
	return k
}

// Keys are the first n keys that a load with this prefix and these slots has.
func Keys(prefix string, n int, slots ...slot.Range) [][]byte {
	return newKeySpace(prefix, n, slots).keys
}

func within(ranges []slot.Range, s slot.ID) bool {
	return slices.ContainsFunc(ranges, func(r slot.Range) bool { return r.Contains(s) })
}

// of lists the keys in the ranges.
func (k *keySpace) of(ranges []slot.Range) [][]byte {
	var keys [][]byte
	for i, key := range k.keys {
		if within(ranges, k.slots[i]) {
			keys = append(keys, key)
		}
	}
	return keys
}
