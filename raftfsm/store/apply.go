package store

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// growthShare is what a wide value that a PATCH makes longer gets on top, so that appending to it is linear.
const growthShare = 8

// ApplyLocked applies one effect. Key, Field and Value are copied. Effects on a key that is not there, other than Set and
// SetField, do nothing: the leader decided on the same state, so this happens only where a batch deletes a key twice.
func (sl *Slot) ApplyLocked(e *entry.Effect) {
	sl.beforeWriteLocked()
	hash := sl.store.hash(e.Key)
	at, exists := sl.find(hash, e.Key)
	switch {
	case e.Kind == entry.EffectSet && !exists:
		sl.add(hash, &header{key: e.Key, typ: e.Type, access: sl.store.stampNew(), expireAt: e.ExpireAt, version: e.Version}, e.Value)
	case e.Kind == entry.EffectSetField && !exists:
		sl.addField(hash, e)
	case !exists:
	case e.Kind == entry.EffectSet:
		old := readCell(at.object)
		h := header{key: e.Key, typ: e.Type, access: sl.store.stampOver(old.Access), expireAt: e.ExpireAt, version: e.Version}
		sl.replace(hash, at, &old, &h, e.Value)
	case e.Kind == entry.EffectPatch:
		sl.patch(hash, at, e)
	case e.Kind == entry.EffectExpire:
		sl.expire(hash, at, e)
	case e.Kind == entry.EffectDel:
		sl.remove(hash, at)
	case e.Kind == entry.EffectSetField:
		sl.setField(hash, at, e)
	case e.Kind == entry.EffectDelField:
		sl.delField(hash, at, e)
	}
}

// PutLocked gives a key all that it held elsewhere, access stamp included. Key and value are copied. A part of a key's fields
// joins those that are there.
func (sl *Slot) PutLocked(key []byte, item *Item) {
	sl.beforeWriteLocked()
	hash := sl.store.hash(key)
	h := itemHeader(key, item)
	at, exists := sl.find(hash, key)
	if !exists {
		sl.add(hash, &h, item.Value)
		return
	}
	old := readCell(at.object)
	if item.Part && old.Type == item.Type {
		sl.merge(hash, at, &old, &h, item.Value)
		return
	}
	sl.replace(hash, at, &old, &h, item.Value)
}

func itemHeader(key []byte, item *Item) header {
	return header{key: key, typ: item.Type, access: item.Access & accessMask, expireAt: item.ExpireAt, version: item.Version}
}

// add enters a key that is not there.
func (sl *Slot) add(hash uint64, h *header, value []byte) {
	var encoded [rootBytes]byte
	content := sl.fit(h, value, &encoded)
	x := sl.keys()
	x.add(hash, h, content)
	sl.countFields(0, h.typ)
}

// replace gives a key a whole new value.
func (sl *Slot) replace(hash uint64, at place, old *cell, h *header, value []byte) {
	var encoded [rootBytes]byte
	content := sl.fit(h, value, &encoded)
	sl.countFields(old.Type, h.typ)
	sl.releaseFields(hash, old)
	x := sl.keys()
	x.overwrite(hash, at, old, h, content)
}

// add enters a cell whose key is not there.
func (x *index) add(hash uint64, h *header, value []byte) {
	h.valueLen = len(value)
	ref, capacity, room := x.newCell(h, 0)
	copy(room, value)
	x.enter(hash, h, ref, capacity)
}

// enter enters a new cell.
func (x *index) enter(hash uint64, h *header, ref slab.Ref, capacity int) {
	x.account(1, expiringOf(h.expireAt), int64(capacity))
	dir := x.insert(hash, ref)
	x.expireBy(dir, h.expireAt)
}

// newCell allocates a cell with room for spare bytes more than it says and writes all but its value.
func (x *index) newCell(h *header, spare int) (ref slab.Ref, capacity int, value []byte) {
	n, wide := h.bytes()
	if wide {
		n += spare
	}
	capacity = slab.SizeOf(n)
	ref = x.heap.Alloc(slab.KindCell, n)
	return ref, capacity, h.write(x.heap.Bytes(ref), wide, capacity)
}

// overwrite gives a cell a whole new value, which is no part of it.
func (x *index) overwrite(hash uint64, at place, old *cell, h *header, value []byte) {
	h.valueLen = len(value)
	expiring := expiringOf(h.expireAt) - expiringOf(old.ExpireAt)
	n, wide := h.bytes()
	if old.fits(n, wide) && !x.sharedCell(hash, at) {
		copy(h.write(at.object, wide, old.capacity), value)
		x.account(0, expiring, 0)
	} else {
		ref, capacity, room := x.newCell(h, 0)
		copy(room, value)
		x.account(0, expiring, int64(capacity-old.capacity))
		x.repoint(hash, at, ref)
	}
	x.expireBy(at.dir, h.expireAt)
}

// fits tells whether a cell of n bytes may take the object of c. A wide one may leave a quarter of it unused.
func (c *cell) fits(n int, wide bool) bool {
	if wide && c.wide {
		return n <= c.capacity && n >= c.capacity/4*3
	}
	return wide == c.wide && slab.SizeOf(n) == c.capacity
}

func (sl *Slot) patch(hash uint64, at place, e *entry.Effect) {
	x, old := sl.keys(), readCell(at.object)
	offset := int(e.Offset)
	length := max(len(old.Value), offset+len(e.Value))
	if old.wide && old.valueAt+length <= old.capacity && !x.sharedCell(hash, at) {
		overwritePart(at.object[old.valueAt:old.valueAt+length], len(old.Value), offset, e.Value)
		binary.LittleEndian.PutUint64(at.object[8:], e.Version)
		binary.LittleEndian.PutUint32(at.object[24:], uint32(length))
		return
	}
	spare := 0
	if length > len(old.Value) {
		spare = length / growthShare
	}
	h := old.header()
	h.valueLen, h.version = length, e.Version
	value := x.rebuild(at, &old, &h, spare)
	copy(value, old.Value)
	overwritePart(value, len(old.Value), offset, e.Value)
	x.release(hash, at, h.key)
}

// overwritePart puts data into value at offset; what lies between the old end and offset reads as zeros.
func overwritePart(value []byte, oldLen, offset int, data []byte) {
	if offset > oldLen {
		clear(value[oldLen:offset])
	}
	copy(value[offset:], data)
}

// expire does not lower the version: effects on a key's fields and its expiry may come in another order than they were decided
// in (entry.Builder).
func (sl *Slot) expire(hash uint64, at place, e *entry.Effect) {
	x, old := sl.keys(), readCell(at.object)
	version := max(old.Version, e.Version)
	if old.wide && !x.sharedCell(hash, at) {
		binary.LittleEndian.PutUint64(at.object[8:], version)
		binary.LittleEndian.PutUint64(at.object[16:], uint64(e.ExpireAt))
	} else {
		h := old.header()
		h.expireAt, h.version = e.ExpireAt, version
		copy(x.rebuild(at, &old, &h, 0), old.Value)
		x.release(hash, at, h.key)
	}
	x.account(0, expiringOf(e.ExpireAt)-expiringOf(old.ExpireAt), 0)
	x.expireBy(at.dir, e.ExpireAt)
}

// header is what a cell says, to be changed in parts.
func (c *cell) header() header {
	return header{key: c.key, valueLen: len(c.Value), typ: c.Type, access: c.Access, expireAt: c.ExpireAt, version: c.Version, table: c.table}
}

// rebuild puts a new cell into the place of old and returns its value to be filled in. The caller releases old's then.
func (x *index) rebuild(at place, old *cell, h *header, spare int) (value []byte) {
	ref, capacity, value := x.newCell(h, spare)
	x.account(0, 0, int64(capacity-old.capacity))
	x.setRef(at, ref)
	return value
}

// release gives up the cell that was at a place.
func (x *index) release(hash uint64, at place, key []byte) {
	x.give(at.ref, x.kept != nil && x.kept.has(hash, key, at.ref))
}

// repoint puts another cell into a place and releases the one that was there.
func (x *index) repoint(hash uint64, at place, ref slab.Ref) {
	x.setRef(at, ref)
	x.release(hash, at, keyOf(at.object))
}

func (x *index) setRef(at place, ref slab.Ref) {
	x.writable(at.dir).setRef(at.at, ref)
}

// remove deletes a key.
func (sl *Slot) remove(hash uint64, at place) {
	old := readCell(at.object)
	sl.countFields(old.Type, 0)
	sl.releaseFields(hash, &old)
	x := sl.keys()
	x.remove(hash, at)
	if len(sl.dir) == 0 {
		sl.store.nextExpiry[sl.id].Store(0)
	}
}

// remove takes a cell out.
func (x *index) remove(hash uint64, at place) {
	old := readCell(at.object)
	x.account(-1, -expiringOf(old.ExpireAt), -int64(old.capacity))
	x.writable(at.dir).remove(at.at)
	x.release(hash, at, old.key)
	x.shrink(at.dir)
}

// expireBy lowers what slot, group and segment say of their earliest expiry. Fields have none.
func (x *index) expireBy(dir int, at int64) {
	if at == 0 {
		return
	}
	g, sl := x.segment(dir), x.slot
	if next := atomic.LoadInt64(g.expiry()); next == 0 || at < next {
		x.writable(dir).expireBy(at)
		x.expireGroup(g.prefix(), at)
	}
	if next := &sl.store.nextExpiry[sl.id]; earlier(next.Load(), at) == at {
		next.Store(at)
	}
}

// expireGroup lowers the expiry of the group in which a segment stands first.
func (t *table) expireGroup(prefix int, at int64) {
	if t.groups != nil && at != 0 {
		group := &t.groups[prefix/groupPlaces]
		atomic.StoreInt64(group, earlier(atomic.LoadInt64(group), at))
	}
}
