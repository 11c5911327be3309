package store

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func TestCaptureShowsSlotStatesOfItsMoment(t *testing.T) {
	s := New()
	change := func(id slot.ID, state SlotState) {
		s.Slot(id).Lock()
		s.Slot(id).SetStateLocked(state)
		s.Slot(id).Unlock()
	}
	change(7, SlotOwned)
	c := s.Capture()
	defer c.Release()
	change(7, SlotNotOwned)
	change(8, SlotOwned)
	for id, want := range map[slot.ID]SlotState{7: SlotOwned, 8: SlotNotOwned, 9: SlotNotOwned} {
		captured := c.Slot(id)
		if captured.State != want {
			t.Errorf("slot %d: captured state %d, want %d", id, captured.State, want)
		}
		captured.Done()
	}
	if got := fmt.Sprint(s.Owned()); got != "[8]" {
		t.Errorf("Owned() = %v, want [8]", got)
	}
}

// What a slot keeps for a capture is bounded by what the slot held, however often its keys are overwritten meanwhile.
func TestHotKeyCostsACaptureOneCell(t *testing.T) {
	s := New()
	apply(s, set("hot", "first", 0, 1))
	c := s.Capture()
	for i := range 1000 {
		apply(s, set("hot", fmt.Sprint("value ", i), 0, uint64(2+i)))
	}
	if got := len(s.Slot(slot.Of([]byte("hot"))).frozen.given); got > 2 {
		t.Errorf("%d objects are kept for the capture, want the first cell and its segment", got)
	}
	mustCheck(t, s, 0)
	captured := c.Slot(slot.Of([]byte("hot")))
	for key, item := range captured.All() {
		if string(key) != "hot" || string(item.Value) != "first" {
			t.Errorf("the capture shows %s = %s", key, item.Value)
		}
	}
	captured.Done()
	c.Release()
	mustCheck(t, s, 0)
	if m := s.Memory(); m.Pending != 0 {
		t.Errorf("%d bytes are kept after the release", m.Pending)
	}
}

func TestSecondCaptureWhileOneIsOpenPanics(t *testing.T) {
	s := New()
	c := s.Capture()
	defer c.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Capture()
}

func TestReadersWriterCapturesAndMaintenanceRunTogether(t *testing.T) {
	s := New()
	s.moving.wasteMin = 0
	var wg sync.WaitGroup
	stop := make(chan struct{})
	loop := func(fn func(i int)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					fn(i)
				}
			}
		})
	}
	key := func(i int) string { return fmt.Sprintf("{%d}%d", i%5, i%700) }
	// Every value is one byte repeated: a reader that sees memory that was given to another key notices.
	value := func(i int) string { return string(bytes.Repeat([]byte{byte(i)}, 20+i%300)) }
	loop(func(i int) {
		if item, ok := get(s, key(i)); ok && bytes.Count(item.Value, item.Value[:1]) != len(item.Value) {
			t.Errorf("key %s holds %q", key(i), item.Value)
		}
		s.ExpiredKeys(nil, 0, 5, 3)
	})
	loop(func(i int) {
		sl := s.Slot(slot.Of([]byte(key(i))))
		sl.RLock()
		sl.GetTouchLocked([]byte(key(i)), func(a Access) Access { return a + 1 })
		sl.RUnlock()
		s.Sample(nil, 3, func() uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }, i%2 == 0)
	})
	loop(func(int) { s.Maintain(5000) })
	captures := make(chan *Capture)
	wg.Go(func() {
		for c := range captures {
			for i := range 5 {
				readSlot(c, slot.Of(fmt.Appendf(nil, "{%d}", i)), map[string]string{})
			}
			c.Release()
		}
	})
	for round := range 12 {
		captures <- s.Capture()
		for i := range 1500 {
			n := round*977 + i
			switch {
			case n%11 == 0:
				apply(s, del(key(n)))
			case n%1000 == 3:
				drop(s, slot.Of([]byte(key(n))))
			default:
				apply(s, set(key(n), value(n), int64(n%3), uint64(n+1)))
			}
		}
		if round%5 == 4 {
			loaded := s.Empty()
			for i := range 700 {
				e := set(key(i), value(i), 0, uint64(i+1))
				loaded.Slot(slot.Of(e.Key)).ApplyLocked(&e)
			}
			s.Replace(loaded)
		}
		for s.captured.Load() {
			apply(s, set(key(round), value(round), 0, 1))
		}
	}
	close(captures)
	close(stop)
	wg.Wait()
	mustCheck(t, s, 0)
}

func TestPatchesOfALargeValueStayInPlaceAndMatchTheModel(t *testing.T) {
	s := New()
	want := bytes.Repeat([]byte("otter"), 40_000)
	apply(s, set("big", string(want), 0, 1))
	version := uint64(1)
	patch := func(offset int, data []byte) {
		version++
		want = entry.Patched(want, offset, data)
		apply(s, entry.Effect{Kind: entry.EffectPatch, Key: []byte("big"), Offset: uint64(offset), Value: data, Version: version})
		if item, _ := get(s, "big"); !bytes.Equal(item.Value, want) || item.Version != version {
			t.Fatalf("offset %d, %d bytes: the value differs", offset, len(data))
		}
	}
	place := func() uint64 {
		at, _ := s.Slot(slot.Of([]byte("big"))).find(s.hash([]byte("big")), []byte("big"))
		return uint64(at.ref)
	}
	before := place()
	patch(10, []byte("raft"))
	patch(199_990, []byte("the end"))
	if place() != before {
		t.Error("a patch that fits moved the value")
	}
	moves := 0
	for i := range 2000 {
		at := place()
		patch(len(want)+i%3, bytes.Repeat([]byte{byte(i)}, 100))
		if place() != at {
			moves++
		}
	}
	if moves > 10 {
		t.Errorf("2000 appends moved the value %d times", moves)
	}
	apply(s, entry.Effect{Kind: entry.EffectExpire, Key: []byte("big"), ExpireAt: 77, Version: version + 1})
	if item, _ := get(s, "big"); item.ExpireAt != 77 || s.Expires() != 1 {
		t.Errorf("expiry %d, %d keys with one", item.ExpireAt, s.Expires())
	}
	mustCheck(t, s, 0)
}

func TestValueOf64MiBIsHeldPatchedCapturedAndReturned(t *testing.T) {
	s := New()
	value := make([]byte, 64<<20)
	e := entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte("huge"), Value: value, Version: 1}
	apply(s, e)
	c := s.Capture()
	apply(s, entry.Effect{Kind: entry.EffectPatch, Key: []byte("huge"), Offset: 64<<20 - 1, Value: []byte("x"), Version: 2})
	captured := c.Slot(slot.Of([]byte("huge")))
	for _, item := range captured.All() {
		if len(item.Value) != 64<<20 || item.Value[64<<20-1] != 0 {
			t.Errorf("the capture shows %d bytes, the last is %d", len(item.Value), item.Value[64<<20-1])
		}
	}
	captured.Done()
	c.Release()
	sl := s.Slot(slot.Of([]byte("huge")))
	sl.RLock()
	item, _ := sl.GetLocked([]byte("huge"))
	if len(item.Value) != 64<<20 || item.Value[64<<20-1] != 'x' {
		t.Errorf("%d bytes, the last is %d", len(item.Value), item.Value[64<<20-1])
	}
	sl.RUnlock()
	mustCheck(t, s, 0)
	apply(s, del("huge"))
	mustCheck(t, s, 0)
	if m := s.Memory(); m.Held != 0 || m.Used != 0 {
		t.Errorf("after the deletion: %+v", m)
	}
}

func TestSlotOfManyKeysGrowsAndShrinks(t *testing.T) {
	s := New()
	sl := s.Slot(slot.Of([]byte("{one}")))
	const keys = 60_000
	for i := range keys {
		expireAt := int64(0)
		if i%50 == 0 { // few expire, each before all others: a bound that is not lowered shows
			expireAt = int64(2*keys - i)
		}
		apply(s, set(fmt.Sprint("{one}", i), "v", expireAt, uint64(i+1)))
		if i%5000 == 0 { // it looks at all keys
			mustCheck(t, s, 0)
		}
	}
	if places := len(sl.dir); places > keys/8 || len(sl.groups) == 0 {
		t.Errorf("%d places and %d groups for %d keys", places, len(sl.groups), keys)
	}
	for i := range keys {
		apply(s, del(fmt.Sprint("{one}", i)))
		if i%10_000 == 9999 {
			mustCheck(t, s, 0)
		}
		if i == keys-100 && len(sl.dir) > 64 {
			t.Errorf("%d places for the last 100 keys", len(sl.dir))
		}
	}
	if sl.dir != nil || s.UsedBytes() != 0 {
		t.Errorf("an empty slot has %d places and %d bytes", len(sl.dir), s.UsedBytes())
	}
}

// Keys whose hashes end alike, which only somebody who knows the seed can make, cost a longer segment, not a directory
// that doubles without end.
func TestCollidingHashesMakeNoLargeDirectory(t *testing.T) {
	s := New()
	sl := s.Slot(0)
	for i := range 5000 {
		h := header{key: fmt.Append(nil, i), version: 1}
		x := sl.keys()
		ref, capacity, _ := x.newCell(&h, 0)
		sl.account(1, 0, int64(capacity))
		x.insert(uint64(i)<<40, ref)
	}
	if places := len(sl.dir); places > 5000 {
		t.Errorf("%d places for 5000 keys of one hash", places)
	}
}

// A value that is wide only because of its expiry stays so when it loses the expiry in place.
func TestWideCellMayLoseItsExpiryInPlace(t *testing.T) {
	for length := wideMin - 40; length <= wideMin+10; length++ {
		s := New()
		sl := s.Slot(slot.Of([]byte("k")))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte("k"), Value: make([]byte, length), ExpireAt: 1 << 40, Version: 1 << 30})
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectExpire, Key: []byte("k"), Version: 1<<30 + 1})
		item, ok := sl.GetLocked([]byte("k"))
		sl.Unlock()
		if !ok || len(item.Value) != length || item.ExpireAt != 0 {
			t.Fatalf("%d bytes: got %d, expiry %d", length, len(item.Value), item.ExpireAt)
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%d bytes: %v", length, err)
		}
	}
}
