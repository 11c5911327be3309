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

func (sl *Slot) newSegment(capacity, depth, prefix int) (slab.Ref, segment) {
	size := segmentBytes(capacity)
	ref := sl.heap.Alloc(slab.KindTable, size)
	sl.accountBytes(int64(slab.SizeOf(size)))
	g := segment(sl.heap.Bytes(ref))
	g.init(capacity, depth, prefix, sl.store.capture.Load())
	return ref, g
}

// freeSegment gives up a segment that the slot has replaced; a capture may still have to see it.
func (sl *Slot) freeSegment(ref slab.Ref) {
	g := segment(sl.heap.Bytes(ref))
	sl.accountBytes(-int64(slab.SizeOf(segmentBytes(g.capacity()))))
	if sl.sharedSegment(g) {
		sl.frozen.given = append(sl.frozen.given, ref)
		return
	}
	sl.heap.Free(ref)
}

func (sl *Slot) sharedSegment(g segment) bool {
	f := sl.frozen
	return f != nil && !f.separate && g.capture() != f.number
}

// writable returns the segment at a place of the directory, a copy of it where a capture has to see the old one.
func (sl *Slot) writable(dir int) segment {
	g := sl.segment(dir)
	if !sl.sharedSegment(g) {
		return g
	}
	return sl.resize(dir, g.capacity())
}

// resize replaces a segment by one with another capacity.
func (sl *Slot) resize(dir, capacity int) segment {
	old := sl.dir[dir]
	g := segment(sl.heap.Bytes(old))
	ref, bigger := sl.newSegment(capacity, g.depth(), g.prefix())
	bigger.addAll(g)
	sl.setDir(bigger.prefix(), bigger.depth(), ref)
	sl.freeSegment(old)
	return bigger
}

// setDir enters a segment at all its places.
func (sl *Slot) setDir(prefix, depth int, ref slab.Ref) {
	for i := prefix; i < len(sl.dir); i += 1 << depth {
		sl.dir[i] = ref
	}
}

// insert enters a cell whose key is not there and returns a place of its segment.
func (sl *Slot) insert(hash uint64, ref slab.Ref) (dir int) {
	if len(sl.dir) == 0 {
		first, _ := sl.newSegment(segmentStep, 0, 0)
		sl.dir, sl.deepest = []slab.Ref{first}, 1
		sl.accountBytes(sl.table.bytes())
	}
	for {
		dir = int(hash & uint64(len(sl.dir)-1))
		g := sl.segment(dir)
		if g.count() < g.capacity() {
			sl.writable(dir).add(byte(hash>>56), ref)
			return dir
		}
		switch {
		case g.capacity() < segmentCells:
			sl.resize(dir, g.capacity()+segmentStep)
		case g.depth() < sl.depth():
			sl.split(dir)
		case len(sl.dir) < placesFree || len(sl.dir)*keysPerPlace <= sl.LenLocked():
			sl.double()
		default:
			sl.resize(dir, (g.capacity()+g.capacity()/8+segmentStep-1)/segmentStep*segmentStep)
		}
	}
}

// split divides a segment by the next bit of its keys' hashes.
func (sl *Slot) split(dir int) {
	old := sl.dir[dir]
	g := segment(sl.heap.Bytes(old))
	depth, prefix, n := g.depth(), g.prefix(), g.count()
	var sides [2][]int
	for i := range n {
		side := sl.store.hash(keyOf(sl.heap.Bytes(g.ref(i)))) >> depth & 1
		sides[side] = append(sides[side], i)
	}
	expiry := atomic.LoadInt64(g.expiry())
	for side, cells := range sides {
		p := prefix | side<<depth
		ref, half := sl.newSegment(capacityFor(len(cells)+1), depth+1, p)
		for _, i := range cells {
			half.add(g.tag(i), g.ref(i))
		}
		half.expireBy(expiry)
		sl.setDir(p, depth+1, ref)
		sl.expireGroup(p, expiry)
	}
	if depth+1 == sl.depth() {
		sl.deepest += 2
	}
	sl.freeSegment(old)
}

func capacityFor(cells int) int { return (cells + segmentStep - 1) / segmentStep * segmentStep }

// double gives every segment twice the places.
func (sl *Slot) double() {
	before := sl.table.bytes()
	n := len(sl.dir)
	dir := make([]slab.Ref, 2*n)
	copy(dir, sl.dir)
	copy(dir[n:], sl.dir)
	sl.dir, sl.deepest = dir, 0
	switch {
	case sl.groups != nil:
		sl.groups = slices.Concat(sl.groups, sl.groups)
	case len(dir) > groupPlaces:
		next := sl.store.nextExpiry[sl.id].Load()
		sl.groups = make([]int64, len(dir)/groupPlaces)
		for i := range sl.groups {
			sl.groups[i] = next
		}
	}
	sl.accountBytes(sl.table.bytes() - before)
}

// shrink gives memory back after a cell has left the segment at a place of the directory.
func (sl *Slot) shrink(dir int) {
	g := sl.segment(dir)
	if sl.LenLocked() == 0 {
		sl.clearTable()
		return
	}
	joined := false
	for sl.join(dir) {
		joined = true
		dir &= len(sl.dir) - 1
	}
	if !joined && g.capacity() >= g.count()+2*segmentStep {
		sl.resize(dir, capacityFor(g.count()+1))
	}
}

// join puts a small segment together with its other half, if that is as deep and small too.
func (sl *Slot) join(dir int) bool {
	a := sl.segment(dir)
	depth := a.depth()
	if depth == 0 || a.count() > joinBelow {
		return false
	}
	first, second := a.prefix(), a.prefix()^1<<(depth-1)
	b := sl.segment(second)
	if b.depth() != depth || a.count()+b.count() > joinMax {
		return false
	}
	prefix := min(first, second)
	oldA, oldB := sl.dir[first], sl.dir[second]
	ref, both := sl.newSegment(capacityFor(a.count()+b.count()+1), depth-1, prefix)
	both.addAll(a)
	both.addAll(b)
	sl.setDir(prefix, depth-1, ref)
	sl.expireGroup(prefix, atomic.LoadInt64(both.expiry()))
	sl.freeSegment(oldA)
	sl.freeSegment(oldB)
	if depth == sl.depth() {
		if sl.deepest -= 2; sl.deepest == 0 {
			sl.halve()
		}
	}
	return true
}

// halve halves the directory as long as no segment needs its size.
func (sl *Slot) halve() {
	before := sl.table.bytes()
	for sl.deepest == 0 && len(sl.dir) > 1 {
		n := len(sl.dir) / 2
		sl.dir = slices.Clone(sl.dir[:n])
		if sl.groups != nil {
			upper := sl.groups[len(sl.groups)/2:]
			sl.groups = slices.Clone(sl.groups[:len(sl.groups)/2])
			for i, next := range upper {
				sl.groups[i] = earlier(sl.groups[i], next)
			}
			if n <= groupPlaces {
				sl.groups = nil
			}
		}
		sl.countDeepest()
	}
	sl.accountBytes(sl.table.bytes() - before)
}

func (sl *Slot) countDeepest() {
	depth := sl.depth()
	sl.deepest = 0
	for i := range sl.dir {
		if sl.segment(i).depth() == depth {
			sl.deepest++
		}
	}
}

// clearTable frees all segments of a slot that has no cell any more.
func (sl *Slot) clearTable() {
	sl.accountBytes(-sl.table.bytes())
	sl.segments(func(ref slab.Ref, _ segment) bool {
		sl.freeSegment(ref)
		return true
	})
	sl.table = table{heap: sl.heap}
}
