package store

import (
	"encoding/binary"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// fieldPartBytes is about how long a part of a captured key's fields is: a snapshot is written in pieces of that order.
const fieldPartBytes = 64 << 10

// fieldParts packs the fields of a table into parts.
type fieldParts struct {
	packed []byte
	count  int
}

// all gives the fields of a key, at least one part also where it has none.
func (p *fieldParts) all(fields *table, c *cell, yield func([]byte, Item) bool) bool {
	more, given := true, false
	fields.segments(func(_ slab.Ref, g segment) bool {
		for i := range g.count() {
			p.add(fields.heap.Bytes(g.ref(i)))
			if p.full(fieldPartBytes) {
				given = true
				if more = yield(c.key, p.take(c)); !more {
					return false
				}
			}
		}
		return true
	})
	if more && (p.count > 0 || !given) {
		more = yield(c.key, p.take(c))
	}
	return more
}

// partLenBytes is the room for the number of fields, which is known last.
const partLenBytes = binary.MaxVarintLen32

func (p *fieldParts) begin() {
	if p.count == 0 {
		p.packed = append(p.packed[:0], make([]byte, partLenBytes)...)
	}
}

func (p *fieldParts) add(object []byte) {
	p.begin()
	field := readCell(object)
	p.packed = entry.AppendPacked(p.packed, field.key, field.Value)
	p.count++
}

func (p *fieldParts) full(bytes int) bool { return len(p.packed) >= bytes }

// take is what was added, as a part of what the key holds.
func (p *fieldParts) take(c *cell) Item {
	p.begin()
	from := partLenBytes - uvarintBytes(uint64(p.count))
	binary.PutUvarint(p.packed[from:], uint64(p.count))
	p.count = 0
	item := c.Item
	item.Part, item.Value = true, p.packed[from:]
	return item
}
