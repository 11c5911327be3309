package slab

import "math/bits"

const (
	arenaBytes = 1 << arenaBits
	pageBytes  = 4 << 10
	arenaPages = arenaBytes / pageBytes
)

// arena hands out runs of pages of one mapping. An arena that is one object's own mapping hands out nothing.
type arena struct {
	memory []byte
	// free has a bit for each page that belongs to no run, dirty for those of them that may still hold memory.
	free, dirty [arenaPages / 64]uint64
	// owner is the span of each page that belongs to a run.
	owner []uint32
	// freePages counts free. No free run is longer than longest, none begins before low.
	freePages, longest, low int
	// object is the size of the one object whose own mapping this is, else 0.
	object int
}

func newArena() *arena {
	a := &arena{memory: mapMemory(arenaBytes), owner: make([]uint32, arenaPages), freePages: arenaPages, longest: arenaPages}
	for i := range a.free {
		a.free[i] = ^uint64(0)
	}
	return a
}

// take finds the first run of n free pages and takes it; dirty is how many of them may still hold memory.
func (a *arena) take(n int) (page, dirty int, ok bool) {
	if n > a.longest || n > a.freePages {
		return 0, 0, false
	}
	page, ok = a.find(n)
	if !ok {
		a.longest = n - 1
		return 0, 0, false
	}
	a.freePages -= n
	for i := page; i < page+n; i++ {
		bit := uint64(1) << (i % 64)
		a.free[i/64] &^= bit
		if a.dirty[i/64]&bit != 0 {
			a.dirty[i/64] &^= bit
			dirty++
		}
	}
	return page, dirty, true
}

func (a *arena) find(n int) (page int, ok bool) {
	start, run, first := 0, 0, true
	for i := a.low; i < arenaPages; {
		word, left := a.free[i/64]>>(i%64), 64-i%64
		if taken := min(bits.TrailingZeros64(word), left); taken > 0 {
			run = 0
			i += taken
			continue
		}
		if run == 0 {
			start = i
		}
		if first {
			a.low, first = i, false
		}
		free := min(bits.TrailingZeros64(^word), left)
		run += free
		if run >= n {
			return start, true
		}
		i += free
	}
	return 0, false
}

// give takes a run back. Its pages count as dirty unless their memory was returned.
func (a *arena) give(page, n int, dirty bool) {
	a.freePages += n
	a.longest = arenaPages
	a.low = min(a.low, page)
	for i := page; i < page+n; i++ {
		bit := uint64(1) << (i % 64)
		a.free[i/64] |= bit
		if dirty {
			a.dirty[i/64] |= bit
		}
		a.owner[i] = 0
	}
}

func (a *arena) dirtyPages() int {
	n := 0
	for _, word := range a.dirty {
		n += bits.OnesCount64(word)
	}
	return n
}

func (a *arena) run(page, n int) []byte { return a.memory[page*pageBytes : (page+n)*pageBytes] }
