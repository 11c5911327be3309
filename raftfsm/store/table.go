package store

import (
	"math/bits"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// table finds the cells of one slot by extendible hashing: a directory of 2^n segments, chosen by the low n bits of a
// key's hash. A segment that needs fewer bits stands in several places of the directory. A segment splits when it is
// full and joins its other half when both have become small, so that the work of one write is bounded by a segment,
// but for the directory's doubling (8 bytes for some 30 keys).
type table struct {
	heap *slab.Heap
	// dir is the directory, nil where the slot has no key.
	dir []slab.Ref
	// groups has, for each groupPlaces places of a directory larger than that, at most the earliest expiry of the
	// segments whose first place is among them, 0 where none expires.
	groups []int64
	// deepest counts segments that stand in one place only: where there is none, the directory can be halved.
	deepest int
}

// groupPlaces is how many places of the directory share an expiry: a pass over a slot of a million keys looks at some
// 500 numbers.
const groupPlaces = 64

// place is where a key was found.
type place struct {
	// dir is a place of its segment, at the number of its cell there.
	dir, at int
	ref     slab.Ref
	object  []byte
}

func (t *table) segment(place int) segment { return segment(t.heap.Bytes(t.dir[place])) }

func (t *table) depth() int { return bits.Len(uint(len(t.dir))) - 1 }

func (t *table) find(hash uint64, key []byte) (place, bool) {
	if len(t.dir) == 0 {
		return place{}, false
	}
	dir := int(hash & uint64(len(t.dir)-1))
	g := t.segment(dir)
	n, tag := g.count(), hash>>56
	for i := 0; i < n; i += 8 {
		for m := g.matches(i, tag); m != 0; m &= m - 1 {
			at := i + firstMatch(m)
			if at >= n {
				break
			}
			ref := g.ref(at)
			if object := t.heap.Bytes(ref); string(keyOf(object)) == string(key) {
				return place{dir: dir, at: at, ref: ref, object: object}, true
			}
		}
	}
	return place{}, false
}

// bytes is what the directory takes.
func (t *table) bytes() int64 { return int64(8*cap(t.dir) + 8*cap(t.groups)) }

// nextCursor steps to the next segment in reverse binary order after one of a given depth; 0 ends. In this order each
// segment comes once, and one that splits or joins meanwhile loses no cell (Redis, dict.c, dictScan).
func nextCursor(cursor uint64, depth int) uint64 {
	return bits.Reverse64(bits.Reverse64(cursor|^uint64(0)<<depth) + 1)
}

// segments calls fn with each segment once, until it returns false.
func (t *table) segments(fn func(ref slab.Ref, g segment) bool) {
	if len(t.dir) == 0 {
		return
	}
	for cursor := uint64(0); ; {
		ref := t.dir[cursor&uint64(len(t.dir)-1)]
		g := segment(t.heap.Bytes(ref))
		depth := g.depth() // before fn, which may free the segment
		if !fn(ref, g) {
			return
		}
		if cursor = nextCursor(cursor, depth); cursor == 0 {
			return
		}
	}
}

// cells calls fn with each cell.
func (t *table) cells(fn func(ref slab.Ref, object []byte)) {
	t.segments(func(_ slab.Ref, g segment) bool {
		for i := range g.count() {
			ref := g.ref(i)
			fn(ref, t.heap.Bytes(ref))
		}
		return true
	})
}
