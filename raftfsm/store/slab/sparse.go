package slab

// spansAtOnce is how many spans are looked at under one hold of the lock: some microseconds.
const spansAtOnce = 4096

// MarkSparse marks the spans that are at most three quarters full, so that nothing more is put into them, and tells how
// many they are. Whoever owns the objects then offers each to Move, and calls Unmark in the end.
func (h *Heap) MarkSparse() int {
	marked := 0
	h.eachSparse(func(id uint32, sp *span) {
		h.unlink(id)
		sp.marked = true
		h.marked = append(h.marked, id)
		marked++
	})
	return marked
}

// SparseBytes is the room in the spans that MarkSparse would mark: about what moving their objects gives back.
func (h *Heap) SparseBytes() (bytes int64) {
	h.eachSparse(func(_ uint32, sp *span) { bytes += sp.room() })
	return bytes
}

// eachSparse gives the spans that are worth emptying, under the lock, which it gives up now and then.
func (h *Heap) eachSparse(found func(id uint32, sp *span)) {
	for from := 1; ; from += spansAtOnce {
		h.mu.Lock()
		if from >= len(h.spans) || h.closed {
			h.mu.Unlock()
			return
		}
		for id := from; id < min(from+spansAtOnce, len(h.spans)); id++ {
			if sp := &h.spans[id]; h.sparse(uint32(id), sp) {
				found(uint32(id), sp)
			}
		}
		h.mu.Unlock()
	}
}

// sparse tells whether a span is worth emptying.
func (h *Heap) sparse(id uint32, sp *span) bool {
	return sp.kind != runKind && sp.used != 0 && !sp.marked && int(sp.used)*4 <= classes[sp.class].objects*3 && !h.onlyRoom(id)
}

// room is how many bytes of a span of objects are free.
func (sp *span) room() int64 {
	c := &classes[sp.class]
	return int64(c.objects-int(sp.used)) * int64(c.size)
}

// onlyRoom tells whether the span is the only one of its class with room: its objects would only move to a new one.
func (h *Heap) onlyRoom(id uint32) bool {
	sp := &h.spans[id]
	return h.room[sp.kind][sp.class] == id && sp.next == 0
}

// Move copies an object of a marked span into another span and returns its new name; the caller frees the old one.
// It returns false for an object that may stay.
func (h *Heap) Move(ref Ref) (Ref, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.marked) == 0 {
		return 0, false
	}
	a := h.arenas[ref>>unitBits]
	if a.object != 0 {
		return 0, false
	}
	sp := h.spans[a.owner[int(ref&unitMask)*unitBytes/pageBytes]]
	if !sp.marked {
		return 0, false
	}
	to := h.allocSmall(sp.kind, int(sp.class))
	copy(h.Bytes(to)[:classes[sp.class].size], h.Bytes(ref))
	return to, true
}

// Unmark ends what MarkSparse began, and returns the room in spans that nobody has emptied.
func (h *Heap) Unmark() (left int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range h.marked {
		if sp := &h.spans[id]; sp.marked { // a span that was emptied is gone
			sp.marked = false
			h.link(id)
			left += sp.room()
		}
	}
	h.marked = nil
	return left
}
