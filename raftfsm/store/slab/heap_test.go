package slab

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func TestSizeClassesCoverEverySizeAndWasteLittle(t *testing.T) {
	for size := 1; size <= smallMax; size++ {
		got := classes[classOf(size)]
		if got.size < size || size > smallMin && classOf(size) > 0 && classes[classOf(size)-1].size >= size {
			t.Fatalf("size %d: class of %d bytes, the one before has %d", size, got.size, classes[max(classOf(size)-1, 0)].size)
		}
		if size > 256 && got.size-size > size/16 {
			t.Fatalf("size %d takes %d bytes", size, got.size)
		}
		if used := got.objects * got.size; used > got.pages*pageBytes || used*100 < 93*got.pages*pageBytes {
			t.Fatalf("class of %d bytes: %d objects in %d pages", got.size, got.objects, got.pages)
		}
	}
}

// object is what the test knows of one: its content is a pattern made from seed.
type object struct {
	ref  Ref
	size int
	seed uint64
}

func (o object) fill(h *Heap) {
	b := h.Bytes(o.ref)[:o.size]
	for i := range b {
		b[i] = byte(o.seed >> (i % 8 * 8))
	}
}

func (o object) intact(h *Heap) bool {
	for i, b := range h.Bytes(o.ref)[:o.size] {
		if b != byte(o.seed>>(i%8*8)) {
			return false
		}
	}
	return true
}

// Random allocations of all kinds of sizes, frees and moves: no object ever touches another, and the heap's own
// accounting holds.
func TestObjectsKeepTheirContentUnderRandomUse(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	h := New()
	defer h.Close()
	var objects []object
	check := func() {
		t.Helper()
		var refs []Ref
		for _, o := range objects {
			if !o.intact(h) {
				t.Fatalf("seed %d: object %x of %d bytes was overwritten", seed, o.ref, o.size)
			}
			refs = append(refs, o.ref)
		}
		if err := h.Check(refs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for round := range 40 {
		grow := round%4 != 3
		for range 300 {
			if grow || len(objects) == 0 {
				size := 1 + r.IntN(300)
				switch r.IntN(100) {
				case 0:
					size = r.IntN(smallMax)
				case 1:
					size = r.IntN(100 << 10)
				case 2:
					if r.IntN(20) == 0 {
						size = ownMapMin + r.IntN(1<<16)
					}
				}
				o := object{h.Alloc(Kind(r.IntN(2)), size), size, r.Uint64()}
				o.fill(h)
				objects = append(objects, o)
			} else {
				i := r.IntN(len(objects))
				h.Free(objects[i].ref)
				objects[i] = objects[len(objects)-1]
				objects = objects[:len(objects)-1]
			}
		}
		check()
		if round%5 == 4 {
			h.MarkSparse()
			check()
			for i, o := range objects {
				if to, moved := h.Move(o.ref); moved {
					h.Free(o.ref)
					objects[i].ref = to
				}
			}
			check()
			h.Unmark()
			check()
		}
	}
	for _, o := range objects {
		h.Free(o.ref)
	}
	objects = nil
	check()
	if s := h.Stats(); s.Used != 0 || s.Held != 0 || s.Spare > 1<<20 {
		t.Errorf("an empty heap uses %d bytes and holds %d", s.Used, s.Held)
	}
}

func TestMovingTogetherGivesSparseRunsBack(t *testing.T) {
	h := New()
	defer h.Close()
	var refs []Ref
	for range 200_000 {
		refs = append(refs, h.Alloc(KindCell, 96))
	}
	var left []Ref
	for i, ref := range refs {
		if i%10 == 0 {
			left = append(left, ref)
		} else {
			h.Free(ref)
		}
	}
	before := h.Stats()
	h.MarkSparse()
	for i, ref := range left {
		if to, moved := h.Move(ref); moved {
			h.Free(ref)
			left[i] = to
		}
	}
	h.Unmark()
	after := h.Stats()
	if after.Used != before.Used || after.Held > after.Used*5/4 || after.Held >= before.Held/2 {
		t.Errorf("after moving: %+v, before: %+v", after, before)
	}
	if err := h.Check(left); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsALeakedAndATwiceFreedObject(t *testing.T) {
	h := New()
	defer h.Close()
	a, b := h.Alloc(KindCell, 50), h.Alloc(KindCell, 50)
	if h.Check([]Ref{a}) == nil {
		t.Error("an object that nobody knows was not found")
	}
	if err := h.Check([]Ref{b, a}); err != nil {
		t.Error(err)
	}
	h.Free(a)
	h.Free(a)
	if h.Check([]Ref{b}) == nil {
		t.Error("an object that was freed twice was not found")
	}
}

func TestHeapThatNobodyHasIsUnmapped(t *testing.T) {
	h := New()
	h.Alloc(KindCell, 100)
	h.Alloc(KindCell, ownMapMin)
	space := h.space
	runtime.KeepAlive(h)
	for deadline := time.Now().Add(20 * time.Second); len(*space.table.Load()) != 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the heap is still mapped")
		}
	}
}

func TestFreeAfterCloseDoesNothing(t *testing.T) {
	h := New()
	ref := h.Alloc(KindTable, 100)
	h.Close()
	h.Free(ref)
	h.Close()
	if _, moved := h.Move(ref); moved || h.MarkSparse() != 0 {
		t.Error("a closed heap moves objects")
	}
}
