package store

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// LoadLocked adds a key with all that it held when it was captured, access stamp included; or some of its fields, to those that
// are there. The store is one that nobody else has yet. It tells whether the key was new, and whether all is well: a key or a
// field that comes twice is not.
func (sl *Slot) LoadLocked(key []byte, item *Item) (fresh, ok bool) {
	hash := sl.store.hash(key)
	h := itemHeader(key, item)
	at, exists := sl.find(hash, key)
	if !exists {
		sl.add(hash, &h, item.Value)
		return true, true
	}
	old := readCell(at.object)
	if !item.Part || old.Type != item.Type || old.Version != item.Version || old.ExpireAt != item.ExpireAt {
		return false, false
	}
	fields := entry.Packed(item.Value)
	return false, sl.merge(hash, at, &old, &h, fields) == fields.Len()
}

// ReserveLocked makes room in an empty slot for a number of keys that are about to be loaded, so that its table does not
// grow step by step.
func (sl *Slot) ReserveLocked(keys int) {
	if len(sl.dir) > 0 || keys <= segmentStep {
		return
	}
	depth := 0
	for keys > loadedCells<<depth {
		depth++
	}
	each := min(capacityFor(keys>>depth+keys>>depth/4+1), segmentCells)
	sl.dir = make([]slab.Ref, 1<<depth)
	x := sl.keys()
	for prefix := range sl.dir {
		sl.dir[prefix], _ = x.newSegment(each, depth, prefix)
	}
	sl.deepest = len(sl.dir)
	if len(sl.dir) > groupPlaces {
		sl.groups = make([]int64, len(sl.dir)/groupPlaces)
	}
	sl.accountBytes(sl.table.bytes())
}

// loadedCells is about how many cells a segment has that was reserved: what segments that split have on average.
const loadedCells = segmentCells * 3 / 4
