package store

import (
	"unsafe"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// UsedBytes is how much memory the keys take: their cells, segments and directories, each with its rounding. It is
// exact, and 0 for a store without keys.
func (s *Store) UsedBytes() int64 { return s.bytes.Load() }

// UsedLocked is the slot's part of UsedBytes.
func (sl *Slot) UsedLocked() int64 { return sl.bytes }

// MemoryLocked is what one key takes: its cell, its fields and its share of the tables.
func (sl *Slot) MemoryLocked(key []byte) (bytes int, ok bool) {
	at, ok := sl.find(sl.store.hash(key), key)
	if !ok {
		return 0, false
	}
	c := readCell(at.object)
	return c.capacity + int(c.fieldBytes()) + cellShareBytes, true
}

// CellBytes is what a key with a value of valueLen bytes would take, MemoryLocked's number in advance: exact but for room
// that a PATCH leaves behind a value over wideMin bytes.
func CellBytes(key []byte, valueLen int, typ entry.Type, expireAt int64, version uint64) int {
	h := header{key: key, valueLen: valueLen, typ: typ, expireAt: expireAt, version: version}
	n, _ := h.bytes()
	return slab.SizeOf(n) + cellShareBytes
}

// FieldBytes is about by how much a field makes a key grow that has so many others: exact for a table but for the growth of its
// segments, and for a packed form but for the rounding of the whole.
func FieldBytes(field, value []byte, others int) int {
	if others >= packedFieldsMax {
		h := header{key: field, valueLen: len(value)}
		n, _ := h.bytes()
		return slab.SizeOf(n) + cellShareBytes
	}
	return entry.PackedBytes(field, value)
}

// cellShareBytes is about what tables take for one cell: tag, ref, and its share of header and directory.
const cellShareBytes = 1 + refBytes + 1

// Memory tells where a store's memory is, in bytes.
type Memory struct {
	// Used is UsedBytes.
	Used int64
	// Held is the memory of the slabs, used or not, Spare what they keep for their next runs.
	Held, Spare int64
	// Pending is what was dropped, or is kept for a capture, and not yet freed.
	Pending int64
	// Fixed is what the store takes without any key.
	Fixed int64
}

// Memory returns where the store's memory is now.
func (s *Store) Memory() Memory {
	m := Memory{Used: s.UsedBytes(), Fixed: int64(unsafe.Sizeof(*s))}
	directories := int64(0)
	seen := map[*slab.Heap]bool{}
	add := func(heap *slab.Heap) {
		if heap != nil && !seen[heap] {
			seen[heap] = true
			st := heap.Stats()
			m.Held += st.Held
			m.Spare += st.Spare
			m.Pending += st.Used
		}
	}
	for id := range slot.ID(slot.Count) {
		sl := s.Slot(id)
		sl.RLock()
		directories += sl.table.bytes()
		heap := sl.heap
		sl.RUnlock()
		add(heap)
	}
	s.garbage.mu.Lock()
	for _, r := range s.garbage.retired {
		add(r.heap)
	}
	s.garbage.mu.Unlock()
	m.Pending = max(0, m.Pending-(m.Used-directories))
	return m
}
