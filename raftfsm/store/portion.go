package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// CopyCursor is where a copy of a slot goes on. It begins, and has ended, with the zero value.
type CopyCursor struct {
	// place is that of a key; field that of one of its fields, where within says that some have come.
	place, field uint64
	within       bool
}

// CopyLocked gives a portion of the slot's keys with what they hold, lent under the lock, and returns the cursor of the
// next portion; a copy begins with the zero cursor and ends when that comes back. A portion ends with the key that takes it to
// keysMax keys, or to bytesMax bytes of keys and values; a key with many fields comes in parts, of which each portion has one. A key
// that is there from the first portion to the last comes exactly once, and so does each of its fields, whatever is written in
// between; one that comes and goes may come or not.
//
// Cursors are places in the order of the reversed hashes, which no writing changes: what a segment holds lies together in
// it, and a portion may end in the middle of a segment that splits before the next one.
func (sl *Slot) CopyLocked(cursor CopyCursor, keysMax, bytesMax int, yield func(key []byte, item Item)) CopyCursor {
	p := portion{sl: sl, from: cursor, keys: keysMax, bytes: bytesMax, yield: yield}
	p.next.place = sl.walk(cursor.place, sl.store.seed, p.full, p.key)
	return p.next
}

// segmentEnd is the place behind all keys of a segment, 0 for the last one.
func segmentEnd(g segment) uint64 {
	return bits.Reverse64(uint64(g.prefix())) + 1<<(64-g.depth())
}

// walk gives cells in the order of their places, from one on, until full or until give stops at a cell that is to come again. It
// returns the place of the first cell left, 0 for none. alone tells that no other cell has the place of this one: those that
// share one are never parted.
func (t *table) walk(from, seed uint64, full func() bool, give func(object []byte, alone bool) (done bool)) (left uint64) {
	for len(t.dir) > 0 {
		g := t.segment(int(bits.Reverse64(from) & uint64(len(t.dir)-1)))
		if left := t.walkSegment(g, from, seed, full, give); left != 0 {
			return left
		}
		if from = segmentEnd(g); from == 0 || full() {
			return from
		}
	}
	return 0
}

func (t *table) walkSegment(g segment, from, seed uint64, full func() bool, give func([]byte, bool) bool) (left uint64) {
	type cellAt struct {
		place uint64
		at    int
	}
	cells := make([]cellAt, 0, segmentCells)
	for i := range g.count() {
		if place := bits.Reverse64(hash64(seed, keyOf(t.heap.Bytes(g.ref(i))))); place >= from {
			cells = append(cells, cellAt{place, i})
		}
	}
	slices.SortFunc(cells, func(a, b cellAt) int { return cmp.Compare(a.place, b.place) })
	for i, c := range cells {
		follows := i > 0 && c.place == cells[i-1].place
		if full() && i > 0 && !follows {
			return c.place
		}
		alone := !follows && (i == len(cells)-1 || c.place != cells[i+1].place)
		if !give(t.heap.Bytes(g.ref(c.at)), alone) {
			return c.place
		}
	}
	return 0
}

// portion is one under way: where it began and goes on, and what it still takes.
type portion struct {
	sl          *Slot
	from, next  CopyCursor
	keys, bytes int
	yield       func(key []byte, item Item)
	parts       fieldParts
}

func (p *portion) full() bool { return p.keys <= 0 || p.bytes <= 0 }

// key gives one key, or some of its fields.
func (p *portion) key(object []byte, alone bool) (done bool) {
	c := readCell(object)
	p.keys--
	p.bytes -= len(c.key)
	if !c.table {
		p.bytes -= len(c.Value)
		p.yield(c.key, c.Item)
		return true
	}
	fields, first := p.sl.fieldsOf(&c), uint64(0)
	if p.from.within && alone && bits.Reverse64(p.sl.store.hash(c.key)) == p.from.place {
		first = p.from.field
	}
	p.next.field = fields.walk(first, p.sl.store.seed, func() bool { return alone && p.bytes <= 0 }, func(object []byte, _ bool) bool {
		before := len(p.parts.packed)
		if p.parts.count == 0 {
			before = 0
		}
		p.parts.add(object)
		p.bytes -= len(p.parts.packed) - before
		return true
	})
	p.yield(c.key, p.parts.take(&c))
	p.parts.packed = nil // it is lent until the portion ends
	p.next.within = p.next.field != 0
	return !p.next.within
}
