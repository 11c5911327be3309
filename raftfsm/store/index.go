package store

import (
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// index is a table under change, that of a slot's keys or that of one key's fields: both grow, shrink and are kept for
// captures alike.
type index struct {
	*table
	slot *Slot
	// kept is what the open capture has to see in the place of the table, nil where it sees nothing of it.
	kept *table
	// root is what the key's cell says of its fields, nil where the table is that of the keys.
	root *root
}

// keys is the table of the slot's keys, to be changed.
func (sl *Slot) keys() index {
	x := index{table: &sl.table, slot: sl}
	if f := sl.frozen; f != nil && !f.separate {
		x.kept = &f.table
	}
	return x
}

func (x *index) hash(key []byte) uint64 { return x.slot.store.hash(key) }

// len is how many cells the table has.
func (x *index) len() int {
	if x.root != nil {
		return x.root.count
	}
	return x.slot.LenLocked()
}

// account adds to the sums of all that the table is part of.
func (x *index) account(cells, expiring int, bytes int64) {
	if x.root == nil {
		x.slot.account(cells, expiring, bytes)
		return
	}
	x.root.count += cells
	x.accountBytes(bytes)
}

func (x *index) accountBytes(bytes int64) {
	if x.root != nil {
		x.root.bytes += bytes
	}
	x.slot.accountBytes(bytes)
}

// sharedSegment tells whether the capture still has to see the segment, so that it must not change.
func (x *index) sharedSegment(g segment) bool {
	return x.kept != nil && g.capture() != x.slot.frozen.number
}

// sharedCell is the same of a cell.
func (x *index) sharedCell(hash uint64, at place) bool {
	return x.kept != nil && x.kept.has(hash, keyOf(at.object), at.ref)
}

// has tells whether a cell is one of the table's.
func (t *table) has(hash uint64, key []byte, ref slab.Ref) bool {
	at, ok := t.find(hash, key)
	return ok && at.ref == ref
}

// give gives an object up: the slabs take it back, or the capture while it still has to see it.
func (x *index) give(ref slab.Ref, shared bool) {
	if shared {
		x.slot.frozen.given = append(x.slot.frozen.given, ref)
		return
	}
	x.heap.Free(ref)
}

// newDir makes a directory of so many places, as a Go slice for keys and in the slabs for fields, of whose tables there may be
// many.
func (x *index) newDir(places int) []slab.Ref {
	if x.root == nil {
		return make([]slab.Ref, places)
	}
	x.root.dir = dirObject{ref: x.heap.Alloc(slab.KindTable, dirPlaceBytes*places), capture: x.slot.store.capture.Load()}
	return x.root.dir.places(x.heap, places)
}

// dirObject is the object that the directory is; the zero value for that of keys, which is none.
func (x *index) dirObject() dirObject {
	if x.root == nil {
		return dirObject{}
	}
	return x.root.dir
}

// freeDir gives up a directory that was replaced.
func (x *index) freeDir(d dirObject) {
	if d.ref != 0 {
		x.give(d.ref, x.sharedDir(d))
	}
}

func (x *index) sharedDir(d dirObject) bool {
	return d.ref != 0 && x.kept != nil && d.capture != x.slot.frozen.number
}

// ownDir makes sure that no capture sees the directory. That of keys was copied before the write (beforeWriteLocked).
func (x *index) ownDir() {
	if old := x.dirObject(); x.sharedDir(old) {
		dir := x.newDir(len(x.dir))
		copy(dir, x.dir)
		x.dir = dir
		x.freeDir(old)
	}
}

// dirBytes is what the directory takes.
func (x *index) dirBytes() int64 {
	switch {
	case x.root == nil:
		return x.table.bytes()
	case len(x.dir) == 0:
		return 0
	}
	return int64(slab.SizeOf(dirPlaceBytes * len(x.dir)))
}
