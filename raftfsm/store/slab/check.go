package slab

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Check tells what is wrong with the heap, given all objects that its owner knows. It takes its time and is for tests
// and for the operator's check of a stopped node.
func (h *Heap) Check(known []Ref) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	live, err := h.live()
	if err != nil {
		return err
	}
	slices.Sort(live)
	known = slices.Sorted(slices.Values(known))
	if !slices.Equal(live, known) {
		for i := range max(len(live), len(known)) {
			if i >= len(live) || i >= len(known) || live[i] != known[i] {
				return fmt.Errorf("heap has %d objects, their owner knows %d; they differ at object %d: heap %x, owner %x",
					len(live), len(known), i, live[i:min(i+2, len(live))], known[min(i, len(known)):min(i+2, len(known))])
			}
		}
	}
	return nil
}

// live lists all objects and checks spans, pages and sums.
func (h *Heap) live() ([]Ref, error) {
	var refs []Ref
	var used int64
	pages := 0
	owned := make([]int, len(h.arenas))
	for id := 1; id < len(h.spans); id++ {
		sp := &h.spans[id]
		if sp.pages == 0 {
			continue
		}
		pages += int(sp.pages)
		owned[sp.arena] += int(sp.pages)
		for i := sp.page; i < sp.page+sp.pages; i++ {
			if h.arenas[sp.arena].owner[i] != uint32(id) {
				return nil, fmt.Errorf("page %d of arena %d belongs to span %d, not to %d", i, sp.arena, h.arenas[sp.arena].owner[i], id)
			}
		}
		if sp.kind == runKind {
			used += int64(sp.pages) * pageBytes
			refs = append(refs, Ref(sp.arena)<<unitBits|Ref(int(sp.page)*pageBytes/unitBytes))
			continue
		}
		objects, err := h.liveIn(sp)
		if err != nil {
			return nil, fmt.Errorf("span %d: %w", id, err)
		}
		used += int64(len(objects) * classes[sp.class].size)
		refs = append(refs, objects...)
	}
	dirty := 0
	for number, a := range h.arenas {
		switch {
		case a == nil:
		case a.object != 0:
			used += int64(a.object)
			pages += a.object / pageBytes
			refs = append(refs, Ref(number)<<unitBits)
		default:
			dirty += a.dirtyPages()
			if owned[number]+a.freePages != arenaPages {
				return nil, fmt.Errorf("arena %d: %d pages in runs and %d free, want %d in all", number, owned[number], a.freePages, arenaPages)
			}
		}
	}
	if used != h.used || pages != h.pages || dirty != h.dirty {
		return nil, fmt.Errorf("counted %d bytes in objects, %d pages, %d dirty ones; want %d, %d, %d", used, pages, dirty, h.used, h.pages, h.dirty)
	}
	return refs, nil
}

func (h *Heap) liveIn(sp *span) ([]Ref, error) {
	geometry := classes[sp.class]
	free := make([]bool, geometry.objects)
	memory := h.arenas[sp.arena].run(int(sp.page), int(sp.pages))
	for next := sp.free; next != 0; next = binary.LittleEndian.Uint16(memory[int(next-1)*geometry.size:]) {
		if int(next) > int(sp.fresh) || free[next-1] {
			return nil, fmt.Errorf("object %d is twice in the free list, or was never handed out", next-1)
		}
		free[next-1] = true
	}
	var refs []Ref
	for i := range int(sp.fresh) {
		if !free[i] {
			refs = append(refs, Ref(sp.arena)<<unitBits|Ref((int(sp.page)*pageBytes+i*geometry.size)/unitBytes))
		}
	}
	if len(refs) != int(sp.used) {
		return nil, fmt.Errorf("%d objects are not in its free list, its count says %d", len(refs), sp.used)
	}
	if room := len(refs) < geometry.objects && !sp.marked; room != sp.linked {
		return nil, fmt.Errorf("room %v, linked as having room %v", room, sp.linked)
	}
	return refs, nil
}
