package store

import (
	"slices"
	"sync/atomic"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

const (
	// joinBelow is at most how many cells a segment has that looks for its other half, joinMax how many both may have
	// together: far enough from segmentCells that they do not split again at once.
	joinBelow = segmentCells / 4
	joinMax   = segmentCells / 2
	// placesFree is how large a directory may be whatever it holds. Beyond that it has at most a place for each
	// keysPerPlace keys: keys whose hashes end alike make a segment longer, not the directory.
	placesFree   = 64
	keysPerPlace = 2
)

func (x *index) newSegment(capacity, depth, prefix int) (slab.Ref, segment) {
	size := segmentBytes(capacity)
	ref := x.heap.Alloc(slab.KindTable, size)
	x.accountBytes(int64(slab.SizeOf(size)))
	g := segment(x.heap.Bytes(ref))
	g.init(capacity, depth, prefix, x.slot.store.capture.Load())
	return ref, g
}

// freeSegment gives up a segment that was replaced; a capture may still have to see it.
func (x *index) freeSegment(ref slab.Ref) {
	g := segment(x.heap.Bytes(ref))
	x.accountBytes(-int64(slab.SizeOf(segmentBytes(g.capacity()))))
	x.give(ref, x.sharedSegment(g))
}

// writable returns the segment at a place of the directory, a copy of it where a capture has to see the old one.
func (x *index) writable(dir int) segment {
	g := x.segment(dir)
	if !x.sharedSegment(g) {
		return g
	}
	return x.resize(dir, g.capacity())
}

// resize replaces a segment by one with another capacity.
func (x *index) resize(dir, capacity int) segment {
	old := x.dir[dir]
	g := segment(x.heap.Bytes(old))
	ref, bigger := x.newSegment(capacity, g.depth(), g.prefix())
	bigger.addAll(g)
	x.setDir(bigger.prefix(), bigger.depth(), ref)
	x.freeSegment(old)
	return bigger
}

// setDir enters a segment at all its places.
func (x *index) setDir(prefix, depth int, ref slab.Ref) {
	x.ownDir()
	for i := prefix; i < len(x.dir); i += 1 << depth {
		x.dir[i] = ref
	}
}

// insert enters a cell whose key is not there and returns a place of its segment.
func (x *index) insert(hash uint64, ref slab.Ref) (dir int) {
	if len(x.dir) == 0 {
		first, _ := x.newSegment(segmentStep, 0, 0)
		x.dir, x.deepest = x.newDir(1), 1
		x.dir[0] = first
		x.accountBytes(x.dirBytes())
	}
	for {
		dir = int(hash & uint64(len(x.dir)-1))
		g := x.segment(dir)
		if g.count() < g.capacity() {
			x.writable(dir).add(byte(hash>>56), ref)
			return dir
		}
		switch {
		case g.capacity() < segmentCells:
			x.resize(dir, g.capacity()+segmentStep)
		case g.depth() < x.depth():
			x.split(dir)
		case len(x.dir) < placesFree || len(x.dir)*keysPerPlace <= x.len():
			x.double()
		default:
			x.resize(dir, (g.capacity()+g.capacity()/8+segmentStep-1)/segmentStep*segmentStep)
		}
	}
}

// split divides a segment by the next bit of its keys' hashes.
func (x *index) split(dir int) {
	old := x.dir[dir]
	g := segment(x.heap.Bytes(old))
	depth, prefix, n := g.depth(), g.prefix(), g.count()
	var sides [2][]int
	for i := range n {
		side := x.hash(keyOf(x.heap.Bytes(g.ref(i)))) >> depth & 1
		sides[side] = append(sides[side], i)
	}
	expiry := atomic.LoadInt64(g.expiry())
	for side, cells := range sides {
		p := prefix | side<<depth
		ref, half := x.newSegment(capacityFor(len(cells)+1), depth+1, p)
		for _, i := range cells {
			half.add(g.tag(i), g.ref(i))
		}
		half.expireBy(expiry)
		x.setDir(p, depth+1, ref)
		x.expireGroup(p, expiry)
	}
	if depth+1 == x.depth() {
		x.deepest += 2
	}
	x.freeSegment(old)
}

func capacityFor(cells int) int { return (cells + segmentStep - 1) / segmentStep * segmentStep }

// double gives every segment twice the places.
func (x *index) double() {
	before := x.dirBytes()
	n, old := len(x.dir), x.dirObject()
	dir := x.newDir(2 * n)
	copy(dir, x.dir)
	copy(dir[n:], x.dir)
	x.dir, x.deepest = dir, 0
	x.freeDir(old)
	switch {
	case x.root != nil:
	case x.groups != nil:
		x.groups = slices.Concat(x.groups, x.groups)
	case len(dir) > groupPlaces:
		next := x.slot.store.nextExpiry[x.slot.id].Load()
		x.groups = make([]int64, len(dir)/groupPlaces)
		for i := range x.groups {
			x.groups[i] = next
		}
	}
	x.accountBytes(x.dirBytes() - before)
}

// shrink gives memory back after a cell has left the segment at a place of the directory.
func (x *index) shrink(dir int) {
	g := x.segment(dir)
	if x.len() == 0 {
		x.clearTable()
		return
	}
	joined := false
	for x.join(dir) {
		joined = true
		dir &= len(x.dir) - 1
	}
	if !joined && g.capacity() >= g.count()+2*segmentStep {
		x.resize(dir, capacityFor(g.count()+1))
	}
}

// join puts a small segment together with its other half, if that is as deep and small too.
func (x *index) join(dir int) bool {
	a := x.segment(dir)
	depth := a.depth()
	if depth == 0 || a.count() > joinBelow {
		return false
	}
	first, second := a.prefix(), a.prefix()^1<<(depth-1)
	b := x.segment(second)
	if b.depth() != depth || a.count()+b.count() > joinMax {
		return false
	}
	prefix := min(first, second)
	oldA, oldB := x.dir[first], x.dir[second]
	ref, both := x.newSegment(capacityFor(a.count()+b.count()+1), depth-1, prefix)
	both.addAll(a)
	both.addAll(b)
	x.setDir(prefix, depth-1, ref)
	x.expireGroup(prefix, atomic.LoadInt64(both.expiry()))
	x.freeSegment(oldA)
	x.freeSegment(oldB)
	if depth == x.depth() {
		if x.deepest -= 2; x.deepest == 0 {
			x.halve()
		}
	}
	return true
}

// halve halves the directory as long as no segment needs its size.
func (x *index) halve() {
	before := x.dirBytes()
	for x.deepest == 0 && len(x.dir) > 1 {
		n, old := len(x.dir)/2, x.dirObject()
		dir := x.newDir(n)
		copy(dir, x.dir)
		x.dir = dir
		x.freeDir(old)
		if x.groups != nil {
			upper := x.groups[len(x.groups)/2:]
			x.groups = slices.Clone(x.groups[:len(x.groups)/2])
			for i, next := range upper {
				x.groups[i] = earlier(x.groups[i], next)
			}
			if n <= groupPlaces {
				x.groups = nil
			}
		}
		x.countDeepest()
	}
	x.accountBytes(x.dirBytes() - before)
}

func (x *index) countDeepest() {
	depth := x.depth()
	x.deepest = 0
	for i := range x.dir {
		if x.segment(i).depth() == depth {
			x.deepest++
		}
	}
}

// clearTable frees all segments of a table that has no cell any more.
func (x *index) clearTable() {
	x.accountBytes(-x.dirBytes())
	x.segments(func(ref slab.Ref, _ segment) bool {
		x.freeSegment(ref)
		return true
	})
	x.freeDir(x.dirObject())
	*x.table = table{heap: x.heap}
	if x.root != nil {
		x.root.dir = dirObject{}
	}
}
