package store

import (
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
)

// Fields are packed in their key's cell up to these limits, and have a table of their own beyond: one write copies, and one
// look-up scans, a packed form. A table stays one, however few fields are left.
const (
	packedFieldsMax = 128
	packedBytesMax  = 4 << 10
)

// fit gives the fields of a key that is about to be written a table where they are too many for a packed form. It returns what the
// cell has as its value, in encoded for a table.
func (sl *Slot) fit(h *header, value []byte, encoded *[rootBytes]byte) []byte {
	if !h.typ.HasFields() || len(value) <= packedBytesMax && entry.Packed(value).Len() <= packedFieldsMax {
		return value
	}
	var r root
	t := table{heap: sl.heap}
	x := sl.fields(&r, &t, nil)
	x.setAll(entry.Packed(value))
	return x.close(h, encoded)
}

// close writes the root of a table of fields that was changed, for its key's cell to have it.
func (x *index) close(h *header, encoded *[rootBytes]byte) []byte {
	x.root.places, x.root.deepest = len(x.dir), x.deepest
	*encoded = x.root.encode()
	h.table = true
	return encoded[:]
}

// setAll sets fields in a table and tells how many of them were new.
func (x *index) setAll(fields entry.Packed) (fresh int) {
	before := x.root.count
	for f := range fields.Entries() {
		x.set(f.Name, f.Value)
	}
	return x.root.count - before
}

func (x *index) set(field, value []byte) {
	hash, h := x.hash(field), header{key: field}
	at, exists := x.find(hash, field)
	if !exists {
		x.add(hash, &h, value)
		return
	}
	old := readCell(at.object)
	x.overwrite(hash, at, &old, &h, value)
}

// addField makes a key of one field.
func (sl *Slot) addField(hash uint64, e *entry.Effect) {
	h := header{key: e.Key, typ: e.Type, access: sl.store.stampNew(), version: e.Version}
	x := sl.keys()
	c := packedChange{count: 1, field: e.Field, value: e.Value}
	if n := c.bytes(); n <= packedBytesMax {
		h.valueLen = n
		ref, capacity, room := x.newCell(&h, 0)
		c.write(room)
		x.enter(hash, &h, ref, capacity)
	} else {
		var r root
		var encoded [rootBytes]byte
		t := table{heap: sl.heap}
		fields := sl.fields(&r, &t, nil)
		fields.set(e.Field, e.Value)
		x.add(hash, &h, fields.close(&h, &encoded))
	}
	sl.countFields(0, h.typ)
}

// setField gives a field of a key a value.
func (sl *Slot) setField(hash uint64, at place, e *entry.Effect) {
	old, h := sl.fieldsCell(at, e)
	if old.table {
		r := readRoot(old.Value)
		t := r.table(sl.heap)
		x := sl.fields(&r, &t, sl.keptFields(hash, e.Key))
		x.set(e.Field, e.Value)
		sl.putRoot(hash, at, &old, &h, &x)
		return
	}
	c := packedChange{old: entry.Packed(old.Value), field: e.Field, value: e.Value}
	var exists bool
	if c.found, exists = c.old.Find(e.Field); exists {
		c.count = c.old.Len()
	} else {
		c.count = c.old.Len() + 1
	}
	if n := c.bytes(); c.count <= packedFieldsMax && n <= packedBytesMax {
		sl.repack(hash, at, &old, &h, &c, n)
		return
	}
	var r root
	t := table{heap: sl.heap}
	x := sl.fields(&r, &t, nil)
	x.setAll(c.old)
	x.set(e.Field, e.Value)
	sl.putRoot(hash, at, &old, &h, &x)
}

// delField takes a field out of a key, if it is there.
func (sl *Slot) delField(hash uint64, at place, e *entry.Effect) {
	old, h := sl.fieldsCell(at, e)
	if old.table {
		r := readRoot(old.Value)
		t := r.table(sl.heap)
		x := sl.fields(&r, &t, sl.keptFields(hash, e.Key))
		fieldHash := x.hash(e.Field)
		if field, exists := x.find(fieldHash, e.Field); exists {
			x.remove(fieldHash, field)
			sl.putRoot(hash, at, &old, &h, &x)
		}
		return
	}
	c := packedChange{old: entry.Packed(old.Value), count: entry.Packed(old.Value).Len() - 1, del: true}
	var exists bool
	if c.found, exists = c.old.Find(e.Field); exists {
		sl.repack(hash, at, &old, &h, &c, c.bytes())
	}
}

// fieldsCell is the cell of a key with fields, and the header of the one that takes its place.
func (sl *Slot) fieldsCell(at place, e *entry.Effect) (cell, header) {
	old := readCell(at.object)
	if old.Type != e.Type {
		panic(fmt.Sprintf("store: an effect on a field of a %v comes to a key of type %d, version %d", e.Type, old.Type, e.Version))
	}
	h := old.header()
	h.key, h.version = e.Key, max(old.Version, e.Version) // the old key's memory may be written over
	h.access = sl.store.stampOver(old.Access)
	return old, h
}

// putRoot lets the cell of a key have the root of a table that was changed.
func (sl *Slot) putRoot(hash uint64, at place, old *cell, h *header, fields *index) {
	var encoded [rootBytes]byte
	value, x := fields.close(h, &encoded), sl.keys()
	x.overwrite(hash, at, old, h, value)
}

// merge adds fields to those of a key, and takes over the header. It tells how many fields were new.
func (sl *Slot) merge(hash uint64, at place, old *cell, h *header, fields entry.Packed) (fresh int) {
	var r root
	var kept *table
	if old.table {
		r, kept = readRoot(old.Value), sl.keptFields(hash, old.key)
	}
	t := r.table(sl.heap)
	x := sl.fields(&r, &t, kept)
	if !old.table {
		x.setAll(entry.Packed(old.Value))
	}
	fresh = x.setAll(fields)
	sl.putRoot(hash, at, old, h, &x)
	return fresh
}

// repack puts the changed packed form, n bytes long, in the place of the old one.
func (sl *Slot) repack(hash uint64, at place, old *cell, h *header, c *packedChange, n int) {
	x := sl.keys()
	h.valueLen = n
	c.write(x.rebuild(at, old, h, 0))
	x.release(hash, at, old.key)
}

// packedChange is a packed form with one field changed: it stays where it was, and comes last where it is new.
type packedChange struct {
	old   entry.Packed
	found entry.PackedField // the zero value where the field is new
	// count is the number of fields after the change.
	count        int
	field, value []byte
	del          bool
}

// places are where the entries of the old form begin, and from where to where they change.
func (c *packedChange) places() (first, from, to int) {
	if len(c.old) > 0 {
		first = skipUvarint(c.old, 0)
	}
	if c.found.End == 0 {
		return first, len(c.old), len(c.old)
	}
	return first, c.found.At, c.found.End
}

func (c *packedChange) bytes() int {
	first, from, to := c.places()
	n := uvarintBytes(uint64(c.count)) + from - first + len(c.old) - to
	if !c.del {
		n += entry.PackedBytes(c.field, c.value)
	}
	return n
}

// write writes the changed form into room, which is as long as bytes says.
func (c *packedChange) write(room []byte) {
	first, from, to := c.places()
	dst := entry.AppendPackedLen(room[:0], c.count)
	dst = append(dst, c.old[first:from]...)
	if !c.del {
		dst = entry.AppendPacked(dst, c.field, c.value)
	}
	_ = append(dst, c.old[to:]...)
}
