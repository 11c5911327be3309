package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// CopyLocked gives a portion of the slot's keys with what they hold, lent, and returns the cursor of the next portion; a
// copy begins with 0 and ends when 0 comes back. A portion ends with the key that takes it to keysMax keys, or to bytesMax
// bytes of keys and values. A key that is there from the first portion to the last comes exactly once, whatever is written in
// between; one that comes and goes may come or not.
//
// Cursors are places in the order of the reversed hashes, which no writing changes: what a segment holds lies together in
// it, and a portion may end in the middle of a segment that splits before the next one.
func (sl *Slot) CopyLocked(cursor uint64, keysMax, bytesMax int, yield func(key []byte, item Item)) uint64 {
	p := portion{from: cursor, keys: keysMax, bytes: bytesMax, yield: yield}
	for len(sl.dir) > 0 {
		g := sl.segment(int(bits.Reverse64(p.from) & uint64(len(sl.dir)-1)))
		if left := p.segment(sl, g); left != 0 {
			return left
		}
		if p.from = segmentEnd(g); p.from == 0 || p.full() {
			return p.from
		}
	}
	return 0
}

// segmentEnd is the place behind all keys of a segment, 0 for the last one.
func segmentEnd(g segment) uint64 {
	return bits.Reverse64(uint64(g.prefix())) + 1<<(64-g.depth())
}

// portion is one under way: where it goes on, and what it still takes.
type portion struct {
	from        uint64
	keys, bytes int
	yield       func(key []byte, item Item)
}

func (p *portion) full() bool { return p.keys <= 0 || p.bytes <= 0 }

// segment gives the keys of a segment from p.from on. If not all of them fit it returns the place of the first one left.
// Keys at one place are never parted.
func (p *portion) segment(sl *Slot, g segment) (left uint64) {
	type cellAt struct {
		place uint64
		at    int
	}
	cells := make([]cellAt, 0, segmentCells)
	for i := range g.count() {
		if place := bits.Reverse64(sl.store.hash(keyOf(sl.heap.Bytes(g.ref(i))))); place >= p.from {
			cells = append(cells, cellAt{place, i})
		}
	}
	slices.SortFunc(cells, func(a, b cellAt) int { return cmp.Compare(a.place, b.place) })
	for i, c := range cells {
		if p.full() && i > 0 && c.place != cells[i-1].place {
			return c.place
		}
		found := readCell(sl.heap.Bytes(g.ref(c.at)))
		p.keys--
		p.bytes -= len(found.key) + len(found.Value)
		p.yield(found.key, found.Item)
	}
	return 0
}
