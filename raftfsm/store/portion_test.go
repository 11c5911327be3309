package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// A slot is copied in portions while keys come, go and change, and tables grow, shrink and are captured: a key that stays
// comes exactly once, with what it held then, and no portion is larger than asked for.
func TestCopyGivesEachKeyThatStaysOnce(t *testing.T) {
	base := rand.Uint64()
	for round := range uint64(6) {
		seed := base + round
		r := rand.New(rand.NewPCG(seed, 1))
		s := NewSeeded(seed)
		id := slot.Of([]byte("{x}"))
		stay := r.IntN(2000)
		stays := func(i int) string { return fmt.Sprintf("{x}stays%d", i) }
		for i := range stay {
			apply(s, set(stays(i), fmt.Sprint(i), 0, 1))
		}
		var c *Capture
		seen := map[string]int{}
		keysMax, bytesMax := 1+r.IntN(100), 1+r.IntN(5000)
		sl := s.Slot(id)
		for cursor := (CopyCursor{}); ; {
			keys, size, last := 0, 0, 0
			sl.RLock()
			next := sl.CopyLocked(cursor, keysMax, bytesMax, func(key []byte, item Item) {
				if got, ok := sl.GetLocked(key); !ok || describe(got) != describe(item) {
					t.Fatalf("seed %d: key %s came as %s, it is %s, %v", seed, key, describe(item), describe(got), ok)
				}
				seen[string(key)]++
				keys++
				last = len(key) + len(item.Value)
				size += last
			})
			sl.RUnlock()
			if keys > keysMax || size-last >= bytesMax || keys == 0 && cursor != (CopyCursor{}) && next != (CopyCursor{}) {
				t.Fatalf("seed %d: a portion of %d keys, %d bytes before its last key, of %d and %d", seed, keys, size-last, keysMax, bytesMax)
			}
			if cursor = next; cursor == (CopyCursor{}) {
				break
			}
			for range r.IntN(200) {
				e := set(fmt.Sprintf("{x}comes%d", r.IntN(3000)), "v", 0, 2)
				if r.IntN(3) == 0 {
					e = del(string(e.Key))
				}
				if stay > 0 && r.IntN(5) == 0 {
					e = set(stays(r.IntN(stay)), "changed", 0, 3)
				}
				apply(s, e)
			}
			if r.IntN(4) == 0 && c == nil {
				c = s.Capture()
			} else if r.IntN(4) == 0 && c != nil {
				readSlot(c, id, map[string]string{})
				c.Release()
				c = nil
			}
		}
		for i := range stay {
			if seen[stays(i)] != 1 {
				t.Errorf("seed %d: key %s came %d times, want once", seed, stays(i), seen[stays(i)])
			}
		}
		if c != nil {
			c.Release()
		}
		mustCheck(t, s, seed)
	}
}

func TestCopyOfAnEmptySlotEndsAtOnce(t *testing.T) {
	sl := New().Slot(7)
	if next := sl.CopyLocked(CopyCursor{}, 64, 1<<16, func([]byte, Item) { t.Error("a key came") }); next != (CopyCursor{}) {
		t.Errorf("it goes on at %v", next)
	}
}

// change is what a copy is followed by: a portion, an effect, or an emptying.
type change struct {
	items   []loadedItem // a portion may have none
	effect  *entry.Effect
	emptied bool
}

type loadedItem struct {
	key  string
	item Item
}

// copier copies a slot while it changes, as a hand-over does: portions and changes stand in one queue, in the order in which the slot
// had them.
type copier struct {
	queue  []change
	cursor CopyCursor
	done   bool
}

func (c *copier) portion(sl *Slot, keysMax, bytesMax int) {
	var p change
	sl.RLock()
	c.cursor = sl.CopyLocked(c.cursor, keysMax, bytesMax, func(key []byte, item Item) {
		item.Value = bytes.Clone(item.Value)
		p.items = append(p.items, loadedItem{string(key), item})
	})
	sl.RUnlock()
	c.done = c.cursor == CopyCursor{}
	c.queue = append(c.queue, p)
}

func (c *change) apply(sl *Slot) {
	sl.Lock()
	defer sl.Unlock()
	switch {
	case c.emptied:
		sl.DropLocked()
	case c.effect != nil:
		sl.ApplyLocked(c.effect)
	}
	for i := range c.items {
		sl.PutLocked([]byte(c.items[i].key), &c.items[i].item)
	}
}

// Portions and changes, applied in order elsewhere, make the same slot: also where a part of a value, an expiry or a
// deletion comes before the key was copied, and while captures of the copy are open.
func TestPortionsAndChangesMakeTheSameSlot(t *testing.T) {
	base := rand.Uint64()
	for round := range uint64(8) {
		seed := base + round
		m := newModel(t, seed, 1, 1500, 200)
		copied := NewSeeded(seed * 3) // its table is another one
		copied.moving.wasteMin = 0
		id := slot.Of([]byte(m.key()))
		from, to := m.store.Slot(id), copied.Slot(id)
		to.SetStateLocked(SlotImporting)
		for range m.r.IntN(4000) {
			m.step(20)
		}
		var c copier
		var captured *Capture
		want := map[string]string{}
		for extra := 200; extra > 0; {
			switch n := m.r.IntN(1000); {
			case n == 0:
				m.drop()
				c.queue = append(c.queue, change{emptied: true})
			case n < 60 && !c.done:
				c.portion(from, 1+m.r.IntN(64), 1+m.r.IntN(1<<15))
			case n < 70 && captured == nil:
				captured = copied.Capture()
				want = contents(copied)
			case n < 75 && captured != nil:
				got := map[string]string{}
				readSlot(captured, id, got)
				captured.Release()
				captured = nil
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("seed %d: a capture of the copy has %d keys, want %d with the content of its moment", seed, len(got), len(want))
				}
			case n < 80:
				copied.Maintain(5000)
			case n < 500 && len(c.queue) > 0:
				c.queue[0].apply(to)
				c.queue = c.queue[1:]
			default:
				e := m.step(15)
				c.queue = append(c.queue, change{effect: &e})
			}
			if c.done {
				extra--
			}
		}
		if captured != nil {
			captured.Release()
		}
		for i := range c.queue {
			c.queue[i].apply(to)
		}
		mustCheck(t, copied, seed)
		if copied.Len() != 0 {
			t.Errorf("seed %d: %d keys of a slot that is being imported are counted", seed, copied.Len())
		}
		to.SetStateLocked(SlotNotOwned) // as the slot it was copied from
		mustCheck(t, copied, seed)
		m.compare()
		if got, want := to.DigestLocked(), from.DigestLocked(); got != want || copied.Len() != m.store.Len() || copied.Expires() != m.store.Expires() {
			t.Fatalf("seed %d: the copy has %d keys and digest %x, want %d and %x", seed, copied.Len(), got, m.store.Len(), want)
		}
	}
}

func TestItemTakesTheStampItBrings(t *testing.T) {
	s := New()
	s.SetStamping(Stamping{New: 9})
	sl := s.Slot(slot.Of([]byte("k")))
	for _, want := range []Access{0xabcdef, 1, 0} {
		sl.PutLocked([]byte("k"), &Item{Value: []byte("v"), Access: want})
		if got, _ := sl.GetLocked([]byte("k")); got.Access != want {
			t.Errorf("stamp %x, want %x", got.Access, want)
		}
	}
}

// Keys that are still coming are neither counted nor chosen, and nobody is told to delete them; those of a frozen slot are counted.
func TestKeysOfASlotThatIsHandedOverAreLeftAlone(t *testing.T) {
	s := New()
	for i := range 50 {
		apply(s, set(fmt.Sprintf("{here}%d", i), "v", 5, 1))
		apply(s, set(fmt.Sprintf("{there}%d", i), "v", 5, 1))
	}
	there := s.Slot(slot.Of([]byte("{there}")))
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		state         SlotState
		keys, expired int
	}{{SlotImporting, 50, 50}, {SlotOwned, 100, 100}, {SlotFrozen, 100, 50}, {SlotImporting, 50, 50}, {SlotNotOwned, 100, 100}} {
		there.SetStateLocked(c.state)
		mustCheck(t, s, 0)
		if s.Len() != c.keys || s.Expires() != c.keys || there.LenLocked() != 50 {
			t.Errorf("state %d: %d keys, %d with an expiry, %d in the slot; want %d, %d, 50", c.state, s.Len(), s.Expires(), there.LenLocked(), c.keys, c.keys)
		}
		if found, _ := s.ExpiredKeys(nil, 0, 10, 1000); len(found) != c.expired {
			t.Errorf("state %d: %d expired keys found, want %d", c.state, len(found), c.expired)
		}
		chosen := 0
		for _, candidate := range s.Sample(nil, 400, r.Uint64, false) {
			if candidate.Slot == there.id {
				chosen++
			}
		}
		if (chosen == 0) != (c.state == SlotImporting) {
			t.Errorf("state %d: %d of 400 keys were chosen in the slot", c.state, chosen)
		}
	}
}

func BenchmarkCopy(b *testing.B) {
	s := New()
	for i := range 100_000 {
		apply(s, set(fmt.Sprintf("{x}%d", i), "0123456789012345678901234567890123456789012345678901234567890123", 0, 1))
	}
	sl := s.Slot(slot.Of([]byte("{x}")))
	b.ReportAllocs()
	cursor, keys := CopyCursor{}, 0
	for b.Loop() {
		cursor = sl.CopyLocked(cursor, 64, 64<<10, func([]byte, Item) { keys++ })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(keys), "ns/key")
}
