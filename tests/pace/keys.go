package pace

import (
	"fmt"
	"math/rand/v2"

	"github.com/holtcache/holt/proto/slot"
)

// slotKeys are the keys of one slot.
type slotKeys struct {
	id  slot.ID
	tag string
}

// keysOf makes keys for that many slots, evenly over all.
func keysOf(slots int) []slotKeys {
	wanted := map[slot.ID]int{}
	keys := make([]slotKeys, slots)
	for i := range keys {
		id := slot.ID((2*i + 1) * slot.Count / (2 * slots))
		wanted[id], keys[i].id = i, id
	}
	for n := 0; len(wanted) > 0; n++ {
		tag := fmt.Sprintf("{%d}", n)
		id := slot.Of([]byte(tag))
		if i, ok := wanted[id]; ok {
			keys[i].tag = tag
			delete(wanted, id)
		}
	}
	return keys
}

// draw chooses a key for a request; a GET is of any key.
func (s slotKeys) draw(random *rand.Rand, k kind) string {
	if k == kindGet {
		k = kindSet + kind(random.IntN(len(kinds)-int(kindSet)))
	}
	return s.key(k, random.IntN(kinds[k].keys))
}

func (s slotKeys) key(k kind, i int) string { return fmt.Sprintf("%s%d:%d", s.tag, k, i) }
