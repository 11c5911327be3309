package store

import (
	"encoding/binary"
	"unsafe"

	"github.com/holtcache/holt/raftfsm/store/slab"
)

// root is what the cell of a key with many fields has as its value: where the table of its fields is, and their sums.
//
//	directory 8 | places 4 | deepest 4 | capture 4 | fields 4 | bytes 8
//
// Fields are cells like keys, with their names as keys and without stamp, version and expiry. A table's segments and
// directories say when they were made, so that what a capture sees is told from what it does not, as with keys.
type root struct {
	dir dirObject
	// places is how many the directory has, deepest what table.deepest counts.
	places, deepest int
	// count is the number of fields, bytes what directory, segments and fields take.
	count int
	bytes int64
}

// dirObject is a directory in the slabs: its places lie one after the other.
type dirObject struct {
	ref slab.Ref
	// capture is the number of the latest capture when it was made.
	capture uint32
}

const (
	rootBytes     = 32
	dirPlaceBytes = int(unsafe.Sizeof(slab.Ref(0)))
)

func readRoot(value []byte) root {
	return root{
		dir:    dirObject{slab.Ref(binary.LittleEndian.Uint64(value)), binary.LittleEndian.Uint32(value[16:])},
		places: int(binary.LittleEndian.Uint32(value[8:])), deepest: int(binary.LittleEndian.Uint32(value[12:])),
		count: int(binary.LittleEndian.Uint32(value[20:])), bytes: int64(binary.LittleEndian.Uint64(value[24:])),
	}
}

func (r *root) encode() (value [rootBytes]byte) {
	binary.LittleEndian.PutUint64(value[0:], uint64(r.dir.ref))
	binary.LittleEndian.PutUint32(value[8:], uint32(r.places))
	binary.LittleEndian.PutUint32(value[12:], uint32(r.deepest))
	binary.LittleEndian.PutUint32(value[16:], r.dir.capture)
	binary.LittleEndian.PutUint32(value[20:], uint32(r.count))
	binary.LittleEndian.PutUint64(value[24:], uint64(r.bytes))
	return value
}

// places is the directory, which is the slab's memory.
func (d dirObject) places(heap *slab.Heap, n int) []slab.Ref {
	return unsafe.Slice((*slab.Ref)(unsafe.Pointer(unsafe.SliceData(heap.Bytes(d.ref)))), n)
}

// table is the table of the fields.
func (r *root) table(heap *slab.Heap) table {
	t := table{heap: heap, deepest: r.deepest}
	if r.dir.ref != 0 {
		t.dir = r.dir.places(heap, r.places)
	}
	return t
}

// fieldsOf is the table of the fields of a key that has one.
func (t *table) fieldsOf(c *cell) table {
	r := readRoot(c.Value)
	return r.table(t.heap)
}

// keptFields is what the open capture sees of the fields of a key, nil where it sees no table of them.
func (sl *Slot) keptFields(hash uint64, key []byte) *table {
	f := sl.frozen
	if f == nil || f.separate {
		return nil
	}
	return f.fieldTable(hash, key)
}

// fieldTable finds the table of a key's fields, nil where there is none.
func (t *table) fieldTable(hash uint64, key []byte) *table {
	at, ok := t.find(hash, key)
	if !ok {
		return nil
	}
	c := readCell(at.object)
	if !c.table {
		return nil
	}
	fields := t.fieldsOf(&c)
	return &fields
}

// fields is the table of a key's fields, to be changed; t is its place meanwhile. The key's cell has to be given the root in the
// end.
func (sl *Slot) fields(r *root, t *table, kept *table) index {
	return index{table: t, slot: sl, kept: kept, root: r}
}
