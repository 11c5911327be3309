package slab

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Ref names an object of a Heap in 40 bits. The zero Ref names none.
type Ref uint64

const (
	// RefBits is how many bits of a Ref can be set.
	RefBits = 40
	// unitBytes is the alignment of objects; a Ref counts units.
	unitBytes = 4
	unitBits  = arenaBits - 2
	unitMask  = 1<<unitBits - 1
	// arenasMax bounds a heap: 65,536 arenas and mappings of single objects.
	arenasMax = 1 << (RefBits - unitBits)
)

// Kind separates objects by what they are, so that each run holds one kind.
type Kind uint8

// KindCell and KindTable are the kinds of objects.
const (
	KindCell  Kind = 0
	KindTable Kind = 1
	kinds          = 2
)

// Heap hands out objects. Its methods may be called by several goroutines; who holds a Ref knows whether it is alive.
type Heap struct {
	space *space

	mu     sync.Mutex // protects the fields below; a leaf: no other lock is taken under it
	arenas []*arena   // by number; nil where there is none, number 0 never is one
	spans  []span     // number 0 is none
	// spare lists numbers of spans that are not in use.
	spare []uint32
	// room is, for each kind and size class, the first span with room for an object.
	room [kinds][sizeClasses]uint32
	// marked lists spans that are to be emptied (see MarkSparse).
	marked []uint32
	// pages counts those in runs and in mappings of single objects, dirty the free ones that may still hold memory.
	pages, dirty int
	// used is the size of all objects.
	used   int64
	closed bool
}

// space is the address space of a heap: what readers need, and what is unmapped once nobody has the heap any more.
type space struct {
	// table has the memory of each arena. It is replaced whole, so that readers need no lock.
	table atomic.Pointer[[][]byte]
}

func (s *space) unmap() {
	for _, memory := range *s.table.Swap(&[][]byte{}) {
		if memory != nil {
			unmapMemory(memory)
		}
	}
}

// New returns an empty heap. Its memory is unmapped by Close, or when nobody refers to the heap any more.
func New() *Heap {
	h := &Heap{space: &space{}, arenas: make([]*arena, 1), spans: make([]span, 1)}
	h.space.table.Store(&[][]byte{nil})
	runtime.AddCleanup(h, (*space).unmap, h.space)
	return h
}

// Close unmaps everything. Nobody may read an object any more; Free is allowed and does nothing.
func (h *Heap) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		h.space.unmap()
	}
}

// Bytes returns the memory from the beginning of an object on, past its end: callers know its length.
func (h *Heap) Bytes(ref Ref) []byte {
	table := *h.space.table.Load()
	return table[ref>>unitBits][(ref&unitMask)*unitBytes:]
}

// Alloc returns an object of at least size bytes, SizeOf(size) exactly. Its content is undefined.
func (h *Heap) Alloc(kind Kind, size int) Ref {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.allocLocked(kind, size)
}

func (h *Heap) allocLocked(kind Kind, size int) Ref {
	switch {
	case size <= smallMax:
		return h.allocSmall(kind, classOf(size))
	case size < ownMapMin:
		return h.allocRun(kind, pagesOf(size))
	}
	return h.allocMapping(pagesOf(size) * pageBytes)
}

// Free takes an object back.
func (h *Heap) Free(ref Ref) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.freeLocked(ref)
}

// FreeAll takes objects back, a few at a time under the lock.
func (h *Heap) FreeAll(refs []Ref) {
	const atOnce = 64
	for len(refs) > 0 {
		n := min(atOnce, len(refs))
		h.mu.Lock()
		for _, ref := range refs[:n] {
			h.freeLocked(ref)
		}
		h.mu.Unlock()
		refs = refs[n:]
	}
}

func (h *Heap) freeLocked(ref Ref) {
	if h.closed {
		return
	}
	number, offset := int(ref>>unitBits), int(ref&unitMask)*unitBytes
	a := h.arenas[number]
	if a.object != 0 {
		h.used -= int64(a.object)
		h.pages -= a.object / pageBytes
		h.removeArena(number)
		return
	}
	id := a.owner[offset/pageBytes]
	sp := &h.spans[id]
	if sp.kind == runKind {
		h.used -= int64(sp.pages) * pageBytes
		h.removeSpan(id)
		return
	}
	h.freeSmall(id, offset)
}

// allocMapping gives an object a mapping of its own.
func (h *Heap) allocMapping(bytes int) Ref {
	number := h.addArena(&arena{memory: mapMemory(bytes), object: bytes})
	h.used += int64(bytes)
	h.pages += bytes / pageBytes
	return Ref(number) << unitBits
}

func (h *Heap) addArena(a *arena) int {
	number := 1
	for number < len(h.arenas) && h.arenas[number] != nil {
		number++
	}
	if number >= arenasMax {
		panic(fmt.Sprintf("slab: %d mappings in one heap, more than it can name (limit arenasMax)", number))
	}
	if number == len(h.arenas) {
		h.arenas = append(h.arenas, nil)
	}
	h.arenas[number] = a
	h.publish()
	return number
}

func (h *Heap) removeArena(number int) {
	memory := h.arenas[number].memory
	h.arenas[number] = nil
	h.publish()
	unmapMemory(memory)
}

func (h *Heap) publish() {
	table := make([][]byte, len(h.arenas))
	for i, a := range h.arenas {
		if a != nil {
			table[i] = a.memory
		}
	}
	h.space.table.Store(&table)
}

// Stats is what a heap holds, in bytes.
type Stats struct {
	// Used is the size of all objects.
	Used int64
	// Held is the memory of runs and mappings, used or not; Spare is memory of free pages kept for the next runs.
	Held, Spare int64
}

// Waste is how many bytes of the runs no object uses.
func (s Stats) Waste() int64 { return s.Held - s.Used }

// Stats returns what the heap holds now.
func (h *Heap) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{Used: h.used, Held: int64(h.pages) * pageBytes, Spare: int64(h.dirty) * pageBytes}
}
