package store

import (
	"math/bits"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// Fields are the fields of one key: lent, as Item.Value is. The zero value has none.
type Fields struct {
	packed entry.Packed
	// table has the fields where there is no packed form.
	table table
	count int
	seed  uint64
}

// FieldsLocked gives the fields of a key, false where it does not exist or has none by its type.
func (sl *Slot) FieldsLocked(key []byte) (Fields, bool) {
	at, ok := sl.find(sl.store.hash(key), key)
	if !ok {
		return Fields{}, false
	}
	c := readCell(at.object)
	if !c.Type.HasFields() {
		return Fields{}, false
	}
	return sl.fieldsIn(&c), true
}

func (sl *Slot) fieldsIn(c *cell) Fields {
	if !c.table {
		packed := entry.Packed(c.Value)
		return Fields{packed: packed, count: packed.Len(), seed: sl.store.seed}
	}
	r := readRoot(c.Value)
	return Fields{table: r.table(sl.heap), count: r.count, seed: sl.store.seed}
}

// Len is the number of fields.
func (f *Fields) Len() int { return f.count }

// Get returns the value of a field.
func (f *Fields) Get(field []byte) ([]byte, bool) {
	if f.table.heap == nil {
		found, ok := f.packed.Find(field)
		return found.Value, ok
	}
	at, ok := f.table.find(hash64(f.seed, field), field)
	if !ok {
		return nil, false
	}
	return readCell(at.object).Value, true
}

// Each gives every field with its value until yield returns false, packed ones in the order in which they came.
func (f *Fields) Each(yield func(field, value []byte) bool) {
	if f.table.heap == nil {
		for e := range f.packed.Entries() {
			if !yield(e.Name, e.Value) {
				return
			}
		}
		return
	}
	f.table.segments(func(_ slab.Ref, g segment) bool { return f.eachOf(g, yield) })
}

func (f *Fields) eachOf(g segment, yield func(field, value []byte) bool) bool {
	for i := range g.count() {
		c := readCell(f.table.heap.Bytes(g.ref(i)))
		if !yield(c.key, c.Value) {
			return false
		}
	}
	return true
}

// AppendPacked appends the packed form of all fields.
func (f *Fields) AppendPacked(dst []byte) []byte {
	if f.table.heap == nil && len(f.packed) > 0 {
		return append(dst, f.packed...)
	}
	dst = entry.AppendPackedLen(dst, f.count)
	f.Each(func(field, value []byte) bool {
		dst = entry.AppendPacked(dst, field, value)
		return true
	})
	return dst
}

// Scan gives the fields of one step, like Slot.ScanLocked, and returns the cursor of the next step. covers tells which fields
// belong to the step, whether they are there or not. Packed fields come in one step.
func (f *Fields) Scan(cursor uint64, yield func(field, value []byte)) (next uint64, covers Cover) {
	each := func(field, value []byte) bool {
		yield(field, value)
		return true
	}
	if len(f.table.dir) == 0 {
		f.Each(each)
		return 0, Cover{}
	}
	g := f.table.segment(int(cursor & uint64(len(f.table.dir)-1)))
	f.eachOf(g, each)
	return nextCursor(cursor, g.depth()), Cover{seed: f.seed, depth: g.depth(), prefix: g.prefix()}
}

// Cover is the fields of one step of a scan. The zero value is all fields.
type Cover struct {
	seed          uint64
	depth, prefix int
}

// Has tells whether a field belongs to the step.
func (c Cover) Has(field []byte) bool {
	return c.depth == 0 || int(hash64(c.seed, field)&(1<<c.depth-1)) == c.prefix
}

// Random returns a field chosen at random, each with the same probability. There must be one.
func (f *Fields) Random(random func() uint64) (field, value []byte) {
	if f.table.heap == nil {
		n := int(random() % uint64(f.count))
		for e := range f.packed.Entries() {
			if n == 0 {
				return e.Name, e.Value
			}
			n--
		}
	}
	for {
		r := random()
		dir := int(r & uint64(len(f.table.dir)-1))
		g := f.table.segment(dir)
		// A segment counts once, wherever it stands, and each of its cells as much as one of any other segment.
		if g.prefix() != dir || g.count() == 0 {
			continue
		}
		at := int(bits.RotateLeft64(r, 32) % uint64(max(g.count(), segmentCells)))
		if at >= g.count() {
			continue
		}
		c := readCell(f.table.heap.Bytes(g.ref(at)))
		return c.key, c.Value
	}
}
