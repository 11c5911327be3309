package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// CopyLocked gives a portion of the slot's keys with what they hold, lent, and returns the cursor of the next portion; a
// copy begins with 0 and ends when 0 comes back. A portion ends with the key that takes it to keysMax keys, or past bytesMax bytes of
// keys and values. A key that is there from the first portion to the last comes exactly once, whatever is written in between.
//
// Cursors are places in the order of the reversed hashes, which does not depend on the table: what a segment holds lies
// together in it, so that a portion may end in the middle of a segment that splits before the next one.
func (sl *Slot) CopyLocked(cursor uint64, keysMax, bytesMax int, yield func(key []byte, item Item)) uint64 {
	if len(sl.dir) == 0 {
		return 0
	}
	p := portion{from: cursor, keys: keysMax, bytes: bytesMax}
	for {
		g := sl.segment(int(bits.Reverse64(p.from) & uint64(len(sl.dir)-1)))
		if next, full := p.segment(sl, g, yield); full {
			return next
		}
		if p.from = segmentEnd(g); p.from == 0 || p.keys <= 0 || p.bytes <= 0 {
			return p.from
		}
	}
}

// segmentEnd is the place behind all keys of a segment, 0 for the last one.
func segmentEnd(g segment) uint64 {
	depth := g.depth()
	return bits.Reverse64(uint64(g.prefix())) + 1<<(64-depth) // a shift by 64 gives 0: a segment of depth 0 is the last
}

// portion is one under way: where it goes on and what it may still take.
type portion struct {
	from        uint64
	keys, bytes int
	found       []placedCell
}

type placedCell struct {
	place uint64
	cell
}

// segment gives the keys of a segment from p.from on. If not all of them fit it returns the place of the first one left.
func (p *portion) segment(sl *Slot, g segment, yield func([]byte, Item)) (next uint64, full bool) {
	p.found = p.found[:0]
	for i := range g.count() {
		c := readCell(sl.heap.Bytes(g.ref(i)))
		if place := bits.Reverse64(sl.store.hash(c.key)); place >= p.from {
			p.found = append(p.found, placedCell{place, c})
		}
	}
	slices.SortFunc(p.found, func(a, b placedCell) int { return cmp.Compare(a.place, b.place) })
	for i := range p.found {
		c := &p.found[i]
		if (p.keys <= 0 || p.bytes <= 0) && c.place != p.found[max(i, 1)-1].place {
			return c.place, true
		}
		p.keys--
		p.bytes -= len(c.key) + len(c.Value)
		yield(c.key, c.Item)
	}
	return 0, false
}
