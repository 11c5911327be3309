package store

import (
	"fmt"
	"maps"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// Two slots fill runs together, then one is dropped: what is left of the other moves, cells and segments, while it
// keeps its keys.
func TestMaintenanceMovesCellsAndSegmentsTogether(t *testing.T) {
	s := New()
	s.moving.wasteMin = 0
	for i := range 20_000 {
		apply(s, set(fmt.Sprint("{a}", i), "v", 0, 1))
		apply(s, set(fmt.Sprint("{a2}", i), "v", 0, 1))
		apply(s, set(fmt.Sprint("{b}", i), fmt.Sprint(i), int64(i%3), uint64(i)))
	}
	drop(s, slot.Of([]byte("{a}")))
	drop(s, slot.Of([]byte("{a2}")))
	mustCheck(t, s, 0)
	if m := s.Memory(); m.Pending == 0 {
		t.Errorf("nothing waits to be freed: %+v", m)
	}
	want, sl := contents(s), s.Slot(slot.Of([]byte("{b}")))
	dir := append([]uint64(nil), uint64(sl.dir[0]), uint64(sl.dir[len(sl.dir)/2]), uint64(sl.dir[len(sl.dir)-1]))
	steps := 0
	for s.Maintain(2000) {
		steps++
		mustCheck(t, s, 0)
	}
	if steps < 10 {
		t.Errorf("all was done in %d steps of 2000 cells", steps)
	}
	if uint64(sl.dir[0]) == dir[0] && uint64(sl.dir[len(sl.dir)/2]) == dir[1] && uint64(sl.dir[len(sl.dir)-1]) == dir[2] {
		t.Error("no segment has moved")
	}
	if got := contents(s); !maps.Equal(got, want) {
		t.Errorf("%d keys, want %d with the same content", len(got), len(want))
	}
	if m := s.Memory(); m.Pending != 0 || m.Held > m.Used*5/4+1<<20 {
		t.Errorf("after maintenance: %+v", m)
	}
	mustCheck(t, s, 0)
}

// The pass goes on where the capture has nothing to see, and leaves alone what it still has to.
func TestMaintenanceLeavesACaptureWhatItHasToSee(t *testing.T) {
	s := New()
	s.moving.wasteMin = 0
	for i := range 20_000 {
		apply(s, set(fmt.Sprint("k", i), "v", 0, 1))
	}
	for i := range 20_000 {
		if i%5 != 0 {
			apply(s, del(fmt.Sprint("k", i)))
		}
	}
	if !s.Maintain(1000) || s.moving.heap == nil {
		t.Fatal("no pass has begun")
	}
	before := contents(s)
	c := s.Capture()
	for i := range 3000 {
		apply(s, set(fmt.Sprint("k", 5*i), "w", 0, 2)) // their slots are kept for the capture
	}
	want := contents(s)
	for s.Maintain(1000) {
	}
	if got := contents(s); !maps.Equal(got, want) {
		t.Errorf("%d keys, want %d with the same content", len(got), len(want))
	}
	if m := &s.moving; !m.skipped || m.left != 0 {
		t.Errorf("slots were left out, and the next pass is to come: skipped %v, left %d", m.skipped, m.left)
	}
	m := s.Memory()
	seen := map[string]string{}
	for id := range slot.ID(slot.Count) {
		readSlot(c, id, seen)
	}
	if !maps.Equal(seen, before) {
		t.Errorf("the capture has %d keys, want %d as they were", len(seen), len(before))
	}
	c.Release()
	mustCheck(t, s, 0)
	for s.Maintain(1000) {
	}
	if now := s.Memory(); now.Held >= m.Held {
		t.Errorf("%d bytes are held after the capture, %d during it", now.Held, m.Held)
	}
	for i := range 20_000 {
		apply(s, set(fmt.Sprint("k", i), "of another size", 0, 3))
	}
	for i := range 20_000 {
		if i%5 != 0 {
			apply(s, del(fmt.Sprint("k", i)))
		}
	}
	for s.moving.heap == nil && s.Maintain(1000) {
	}
	if s.moving.heap == nil {
		t.Fatal("no pass has begun")
	}
	loaded := s.Empty()
	s.Replace(loaded) // the pass ends with slabs that are no more
	for s.Maintain(1000) {
	}
	mustCheck(t, s, 0)
	if s.moving.heap != nil || s.Len() != 0 {
		t.Errorf("pass over %v, %d keys", s.moving.heap, s.Len())
	}
}

func TestCheckFindsWhatDoesNotFitTogether(t *testing.T) {
	for name, harm := range map[string]func(s *Store, sl *Slot){
		"a key in the wrong slot":        func(s *Store, sl *Slot) { s.Slot(1).table, s.Slot(1).bytes = sl.table, sl.bytes },
		"a wrong sum of keys":            func(s *Store, _ *Slot) { s.total.add(1, 0) },
		"a wrong sum of bytes":           func(_ *Store, sl *Slot) { sl.accountBytes(8) },
		"a wrong tag":                    func(_ *Store, sl *Slot) { sl.segment(0)[segmentHeaderBytes] ^= 1 },
		"a bound of expiry that is late": func(s *Store, sl *Slot) { s.nextExpiry[sl.id].Store(1000) },
		"a cell that nobody knows":       func(_ *Store, sl *Slot) { x := sl.keys(); x.newCell(&header{key: []byte("x")}, 0) },
		"a cell that was freed":          func(_ *Store, sl *Slot) { sl.heap.Free(sl.segment(0).ref(2)) },
		"a lost cell": func(_ *Store, sl *Slot) {
			g := sl.segment(0)
			g.setCount(g.count() - 1)
		},
	} {
		s := New()
		for i := range 5 {
			apply(s, set(fmt.Sprint("{one}", i), "value", 500, 1))
		}
		mustCheck(t, s, 0)
		harm(s, s.Slot(slot.Of([]byte("{one}"))))
		if s.Check() == nil {
			t.Errorf("%s was not found", name)
		}
	}
}
