package store

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// growthShare is what a wide value that a PATCH makes longer gets on top, so that appending to it is linear.
const growthShare = 8

// ApplyLocked applies one effect. Key and Value are copied. Effects on a key that is not there, other than Set, do
// nothing: the leader decided on the same state, so this happens only where a batch deletes a key twice.
func (sl *Slot) ApplyLocked(e *entry.Effect) {
	sl.beforeWriteLocked()
	hash := sl.store.hash(e.Key)
	at, exists := sl.find(hash, e.Key)
	switch {
	case e.Kind == entry.EffectSet && !exists:
		sl.add(hash, &header{key: e.Key, valueLen: len(e.Value), typ: e.Type, access: sl.store.stampNew(), expireAt: e.ExpireAt, version: e.Version}, e.Value)
	case !exists:
	case e.Kind == entry.EffectSet:
		old := readCell(at.object)
		h := header{key: e.Key, valueLen: len(e.Value), typ: e.Type, access: sl.store.stampOver(old.Access), expireAt: e.ExpireAt, version: e.Version}
		sl.overwrite(hash, at, &old, &h, e.Value)
	case e.Kind == entry.EffectPatch:
		sl.patch(hash, at, e)
	case e.Kind == entry.EffectExpire:
		sl.expire(hash, at, e)
	case e.Kind == entry.EffectDel:
		sl.remove(hash, at)
	}
}

// PutLocked gives a key all that it held elsewhere, access stamp included. Key and value are copied.
func (sl *Slot) PutLocked(key []byte, item *Item) {
	sl.beforeWriteLocked()
	hash := sl.store.hash(key)
	h := itemHeader(key, item)
	if at, exists := sl.find(hash, key); exists {
		old := readCell(at.object)
		sl.overwrite(hash, at, &old, &h, item.Value)
		return
	}
	sl.add(hash, &h, item.Value)
}

func itemHeader(key []byte, item *Item) header {
	return header{key: key, valueLen: len(item.Value), typ: item.Type, access: item.Access & accessMask, expireAt: item.ExpireAt, version: item.Version}
}

func (sl *Slot) add(hash uint64, h *header, value []byte) {
	ref, capacity, room := sl.newCell(h, 0)
	copy(room, value)
	sl.account(1, expiringOf(h.expireAt), int64(capacity))
	dir := sl.insert(hash, ref)
	sl.expireBy(dir, h.expireAt)
}

// newCell allocates a cell with room for spare bytes more than it says and writes all but its value.
func (sl *Slot) newCell(h *header, spare int) (ref slab.Ref, capacity int, value []byte) {
	n, wide := h.bytes()
	if wide {
		n += spare
	}
	capacity = slab.SizeOf(n)
	ref = sl.heap.Alloc(slab.KindCell, n)
	return ref, capacity, h.write(sl.heap.Bytes(ref), wide, capacity)
}

func (sl *Slot) overwrite(hash uint64, at place, old *cell, h *header, value []byte) {
	expiring := expiringOf(h.expireAt) - expiringOf(old.ExpireAt)
	n, wide := h.bytes()
	if old.fits(n, wide) && !sl.sharedCell(hash, at) {
		copy(h.write(at.object, wide, old.capacity), value)
		sl.account(0, expiring, 0)
	} else {
		ref, capacity, room := sl.newCell(h, 0)
		copy(room, value)
		sl.account(0, expiring, int64(capacity-old.capacity))
		sl.repoint(hash, at, ref)
	}
	sl.expireBy(at.dir, h.expireAt)
}

// fits tells whether a cell of n bytes may take the object of c. A wide one may leave a quarter of it unused.
func (c *cell) fits(n int, wide bool) bool {
	if wide && c.wide {
		return n <= c.capacity && n >= c.capacity/4*3
	}
	return wide == c.wide && slab.SizeOf(n) == c.capacity
}

func (sl *Slot) patch(hash uint64, at place, e *entry.Effect) {
	old := readCell(at.object)
	offset := int(e.Offset)
	length := max(len(old.Value), offset+len(e.Value))
	if old.wide && old.valueAt+length <= old.capacity && !sl.sharedCell(hash, at) {
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
	value := sl.rebuild(at, &old, &h, spare)
	copy(value, old.Value)
	overwritePart(value, len(old.Value), offset, e.Value)
	sl.release(hash, at, h.key)
}

// overwritePart puts data into value at offset; what lies between the old end and offset reads as zeros.
func overwritePart(value []byte, oldLen, offset int, data []byte) {
	if offset > oldLen {
		clear(value[oldLen:offset])
	}
	copy(value[offset:], data)
}

func (sl *Slot) expire(hash uint64, at place, e *entry.Effect) {
	old := readCell(at.object)
	if old.wide && !sl.sharedCell(hash, at) {
		binary.LittleEndian.PutUint64(at.object[8:], e.Version)
		binary.LittleEndian.PutUint64(at.object[16:], uint64(e.ExpireAt))
	} else {
		h := old.header()
		h.expireAt, h.version = e.ExpireAt, e.Version
		copy(sl.rebuild(at, &old, &h, 0), old.Value)
		sl.release(hash, at, h.key)
	}
	sl.account(0, expiringOf(e.ExpireAt)-expiringOf(old.ExpireAt), 0)
	sl.expireBy(at.dir, e.ExpireAt)
}

// header is what a cell says, to be changed in parts.
func (c *cell) header() header {
	return header{key: c.key, valueLen: len(c.Value), typ: c.Type, access: c.Access, expireAt: c.ExpireAt, version: c.Version}
}

// rebuild puts a new cell into the place of old and returns its value to be filled in. The caller releases old's then.
func (sl *Slot) rebuild(at place, old *cell, h *header, spare int) (value []byte) {
	ref, capacity, value := sl.newCell(h, spare)
	sl.account(0, 0, int64(capacity-old.capacity))
	sl.setRef(at, ref)
	return value
}

// release frees the cell that was at a place, unless the capture still has to see it.
func (sl *Slot) release(hash uint64, at place, key []byte) {
	if f := sl.frozen; f != nil && f.has(hash, key, at.ref) {
		f.given = append(f.given, at.ref)
		return
	}
	sl.heap.Free(at.ref)
}

// repoint puts another cell into a place and releases the one that was there.
func (sl *Slot) repoint(hash uint64, at place, ref slab.Ref) {
	sl.setRef(at, ref)
	sl.release(hash, at, keyOf(at.object))
}

func (sl *Slot) setRef(at place, ref slab.Ref) {
	sl.writable(at.dir).setRef(at.at, ref)
}

// sharedCell tells whether the capture still has to see the cell, so that it must not change.
func (sl *Slot) sharedCell(hash uint64, at place) bool {
	return sl.frozen != nil && sl.frozen.has(hash, keyOf(at.object), at.ref)
}

func (sl *Slot) remove(hash uint64, at place) {
	old := readCell(at.object)
	sl.account(-1, -expiringOf(old.ExpireAt), -int64(old.capacity))
	sl.writable(at.dir).remove(at.at)
	sl.release(hash, at, old.key)
	sl.shrink(at.dir)
	if len(sl.dir) == 0 {
		sl.store.nextExpiry[sl.id].Store(0)
	}
}

// expireBy lowers what slot, group and segment say of their earliest expiry.
func (sl *Slot) expireBy(dir int, at int64) {
	if at == 0 {
		return
	}
	g := sl.segment(dir)
	if next := atomic.LoadInt64(g.expiry()); next == 0 || at < next {
		sl.writable(dir).expireBy(at)
		sl.expireGroup(g.prefix(), at)
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
