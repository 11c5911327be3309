package slab

import "encoding/binary"

// span is a run of pages, cut into objects of one size class, or one object.
type span struct {
	arena, page, pages uint32
	// next and previous link the spans of a kind and class that have room.
	next, previous uint32
	class          uint16
	// used counts objects, fresh those that were ever handed out. free begins the list of objects that were taken back
	// (number + 1); each holds the next one in its first two bytes.
	used, fresh, free uint16
	kind              Kind
	linked            bool
	// marked tells that nothing more is put into the span (see MarkSparse).
	marked bool
}

// runKind marks a span that is one object.
const runKind Kind = kinds

const (
	// dirtyPagesMin is how many free pages keep their memory in any case, for the next run.
	dirtyPagesMin = 64
	// dirtyShare is the share of the pages in use that as many free pages may have.
	dirtyShare = 64
)

func (h *Heap) allocSmall(kind Kind, class int) Ref {
	id := h.room[kind][class]
	if id == 0 {
		id = h.addSpan(kind, classes[class].pages)
		h.spans[id].class = uint16(class)
		h.link(id)
	}
	sp := &h.spans[id]
	geometry := &classes[class]
	memory := h.arenas[sp.arena].memory[int(sp.page)*pageBytes:]
	var object int
	if sp.free != 0 {
		object = int(sp.free) - 1
		sp.free = binary.LittleEndian.Uint16(memory[object*geometry.size:])
	} else {
		object = int(sp.fresh)
		sp.fresh++
	}
	sp.used++
	if int(sp.used) == geometry.objects {
		h.unlink(id)
	}
	h.used += int64(geometry.size)
	return Ref(sp.arena)<<unitBits | Ref((int(sp.page)*pageBytes+object*geometry.size)/unitBytes)
}

func (h *Heap) freeSmall(id uint32, offset int) {
	sp := &h.spans[id]
	size := classes[sp.class].size
	memory := h.arenas[sp.arena].memory[int(sp.page)*pageBytes:]
	object := (offset - int(sp.page)*pageBytes) / size
	binary.LittleEndian.PutUint16(memory[object*size:], sp.free)
	sp.free = uint16(object + 1)
	sp.used--
	h.used -= int64(size)
	switch {
	case sp.used == 0:
		h.unlink(id)
		h.removeSpan(id)
	case !sp.linked && !sp.marked:
		h.link(id)
	}
}

func (h *Heap) link(id uint32) {
	sp := &h.spans[id]
	first := &h.room[sp.kind][sp.class]
	sp.next, sp.previous, sp.linked = *first, 0, true
	if *first != 0 {
		h.spans[*first].previous = id
	}
	*first = id
}

func (h *Heap) unlink(id uint32) {
	sp := &h.spans[id]
	if !sp.linked {
		return
	}
	if sp.previous != 0 {
		h.spans[sp.previous].next = sp.next
	} else {
		h.room[sp.kind][sp.class] = sp.next
	}
	if sp.next != 0 {
		h.spans[sp.next].previous = sp.previous
	}
	sp.next, sp.previous, sp.linked = 0, 0, false
}

func (h *Heap) allocRun(kind Kind, pages int) Ref {
	id := h.addSpan(kind, pages)
	sp := &h.spans[id]
	sp.kind = runKind
	h.used += int64(pages) * pageBytes
	return Ref(sp.arena)<<unitBits | Ref(int(sp.page)*pageBytes/unitBytes)
}

// addSpan takes a run from the first arena that has one, so that the last ones become empty.
func (h *Heap) addSpan(kind Kind, pages int) uint32 {
	number, page, dirty := h.takeRun(pages)
	h.dirty -= dirty
	h.pages += pages
	id := uint32(len(h.spans))
	if n := len(h.spare); n > 0 {
		id, h.spare = h.spare[n-1], h.spare[:n-1]
	} else {
		h.spans = append(h.spans, span{})
	}
	h.spans[id] = span{arena: uint32(number), page: uint32(page), pages: uint32(pages), kind: kind}
	owner := h.arenas[number].owner[page : page+pages]
	for i := range owner {
		owner[i] = id
	}
	return id
}

func (h *Heap) takeRun(pages int) (number, page, dirty int) {
	for i, a := range h.arenas {
		if a == nil || a.object != 0 {
			continue
		}
		if page, dirty, ok := a.take(pages); ok {
			return i, page, dirty
		}
	}
	a := newArena()
	page, dirty, _ = a.take(pages)
	return h.addArena(a), page, dirty
}

// removeSpan gives the run back, its memory to the operating system where enough free pages have theirs.
func (h *Heap) removeSpan(id uint32) {
	sp := h.spans[id]
	h.spans[id] = span{}
	h.spare = append(h.spare, id)
	a, pages := h.arenas[sp.arena], int(sp.pages)
	h.pages -= pages
	keep := h.dirty+pages <= max(dirtyPagesMin, h.pages/dirtyShare)
	if keep {
		h.dirty += pages
	} else {
		returnMemory(a.run(int(sp.page), pages))
	}
	a.give(int(sp.page), pages, keep)
	if a.freePages == arenaPages && (h.pages == 0 || h.othersHaveRoom(a)) {
		h.dirty -= a.dirtyPages()
		h.removeArena(int(sp.arena))
	}
}

// othersHaveRoom tells whether some other arena is a quarter free: then the next runs need no new one.
func (h *Heap) othersHaveRoom(except *arena) bool {
	for _, a := range h.arenas {
		if a != nil && a != except && a.freePages >= arenaPages/4 {
			return true
		}
	}
	return false
}
