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

func newKeySpace(prefix string, n int) *keySpace {
	k := &keySpace{keys: make([][]byte, n), slots: make([]slot.ID, n)}
	for i := range n {
		k.keys[i] = fmt.Appendf(nil, "%s%012d", cmp.Or(prefix, "key:"), i) // 16 bytes
		k.slots[i] = slot.Of(k.keys[i])
	}
	return k
}

// of lists the keys in the ranges.
func (k *keySpace) of(ranges []slot.Range) [][]byte {
	var keys [][]byte
	for i, key := range k.keys {
		if slices.ContainsFunc(ranges, func(r slot.Range) bool { return r.Contains(k.slots[i]) }) {
			keys = append(keys, key)
		}
	}
	return keys
}
