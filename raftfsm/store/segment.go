package store

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// A segment is a dense list of up to segmentCells cells of one slot: those whose hashes end in the same depth bits.
//
//	count and depth 4 | capacity 4 | prefix 4 | capture 4 | expiry 8 | a tag a cell, 1 byte | a ref a cell, 5 bytes
//
// A tag is the highest byte of the cell's hash; eight tags are compared at a time, so that nearly only the right cell
// is looked at.
const (
	segmentHeaderBytes = 24
	refBytes           = slab.RefBits / 8
	// segmentCells bounds what a look-up scans, what a write copies for a capture and what a split moves.
	segmentCells = 64
	// segmentStep is by how much a segment grows: one word of tags.
	segmentStep = 8

	countBits = 26
	countMask = 1<<countBits - 1
)

// segment is the memory of a segment, and of what follows it.
type segment []byte

func segmentBytes(capacity int) int { return segmentHeaderBytes + (1+refBytes)*capacity }

func (g segment) count() int { return int(binary.LittleEndian.Uint32(g) & countMask) }
func (g segment) depth() int { return int(binary.LittleEndian.Uint32(g) >> countBits) }

func (g segment) setCount(n int) {
	binary.LittleEndian.PutUint32(g, uint32(g.depth())<<countBits|uint32(n))
}

func (g segment) capacity() int { return int(binary.LittleEndian.Uint32(g[4:])) }

// prefix is the end of the hashes of the segment's cells, and its first place in the directory.
func (g segment) prefix() int { return int(binary.LittleEndian.Uint32(g[8:])) }

// capture is the number of the latest capture when the segment was made.
func (g segment) capture() uint32 { return binary.LittleEndian.Uint32(g[12:]) }

// expiry is at most the earliest expiry of its cells, 0 where none expires. Readers correct it under the read lock.
func (g segment) expiry() *int64 { return (*int64)(unsafe.Pointer(&g[16])) }

func (g segment) init(capacity, depth, prefix int, capture uint32) {
	binary.LittleEndian.PutUint32(g, uint32(depth)<<countBits)
	binary.LittleEndian.PutUint32(g[4:], uint32(capacity))
	binary.LittleEndian.PutUint32(g[8:], uint32(prefix))
	binary.LittleEndian.PutUint32(g[12:], capture)
	atomic.StoreInt64(g.expiry(), 0)
	clear(g[segmentHeaderBytes : segmentHeaderBytes+capacity]) // tags are read eight at a time, so all of them
}

func (g segment) ref(i int) slab.Ref {
	b := g[segmentHeaderBytes+g.capacity()+i*refBytes:]
	return slab.Ref(binary.LittleEndian.Uint32(b)) | slab.Ref(b[4])<<32
}

func (g segment) setRef(i int, ref slab.Ref) {
	b := g[segmentHeaderBytes+g.capacity()+i*refBytes:]
	binary.LittleEndian.PutUint32(b, uint32(ref))
	b[4] = byte(ref >> 32)
}

func (g segment) tag(i int) byte { return g[segmentHeaderBytes+i] }

func (g segment) add(tag byte, ref slab.Ref) {
	n := g.count()
	g[segmentHeaderBytes+n] = tag
	g.setRef(n, ref)
	g.setCount(n + 1)
}

// remove puts the last cell into the place of cell i.
func (g segment) remove(i int) {
	last := g.count() - 1
	g[segmentHeaderBytes+i] = g.tag(last)
	g.setRef(i, g.ref(last))
	g.setCount(last)
}

// addAll copies the cells of another segment.
func (g segment) addAll(from segment) {
	n, m := g.count(), from.count()
	copy(g[segmentHeaderBytes+n:], from[segmentHeaderBytes:segmentHeaderBytes+m])
	refs := from[segmentHeaderBytes+from.capacity():]
	copy(g[segmentHeaderBytes+g.capacity()+n*refBytes:], refs[:m*refBytes])
	g.setCount(n + m)
	g.expireBy(atomic.LoadInt64(from.expiry()))
}

// expireBy lowers expiry to that of a cell that joins.
func (g segment) expireBy(at int64) {
	atomic.StoreInt64(g.expiry(), earlier(atomic.LoadInt64(g.expiry()), at))
}

// earlier is the earlier of two expiries, of which 0 means never.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

const (
	everyByte = 0x0101010101010101
	everyHigh = 0x8080808080808080
)

// matches has the high bit of each byte set where 8 tags from i on equal tag. A byte above an equal one may be set wrongly.
func (g segment) matches(i int, tag uint64) uint64 {
	x := binary.LittleEndian.Uint64(g[segmentHeaderBytes+i:]) ^ tag*everyByte
	return (x - everyByte) &^ x & everyHigh
}

func firstMatch(matches uint64) int { return bits.TrailingZeros64(matches) / 8 }
