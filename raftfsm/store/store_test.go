package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func apply(s *Store, e entry.Effect) {
	sl := s.Slot(slot.Of(e.Key))
	sl.Lock()
	sl.ApplyLocked(&e)
	sl.Unlock()
}

func get(s *Store, key string) (Item, bool) {
	sl := s.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	return sl.GetLocked([]byte(key))
}

func set(key, value string, expireAt int64, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), ExpireAt: expireAt, Version: version}
}

func contents(s *Store) map[string]string {
	all := map[string]string{}
	for i := range s.slots {
		for k, item := range s.slots[i].table {
			all[k] = describe(item)
		}
	}
	return all
}

func describe(item Item) string {
	return fmt.Sprintf("%s/%d/%d", item.Value, item.ExpireAt, item.Version)
}

func captured(c *Capture) map[string]string {
	all := map[string]string{}
	for id := range slot.ID(slot.Count) {
		_, keys := c.Slot(id)
		for _, k := range keys {
			all[k.Key] = describe(k.Item)
		}
	}
	return all
}

// Random effects against a plain map, with captures that are read while effects go on.
func TestStoreAndItsCapturesEqualAPlainMap(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	s := New()
	model := map[string]Item{}
	keys := make([]string, 60)
	for i := range keys {
		keys[i] = fmt.Sprintf("{%d}%d", i%7, i)
	}
	for round := range 60 {
		c := s.Capture()
		want := contents(s)
		got := map[string]string{}
		next := slot.ID(0)
		for step := range 80 {
			key := keys[r.IntN(len(keys))]
			e := set(key, fmt.Sprint(step), int64(r.IntN(3)*1000), uint64(round*1000+step+1))
			old, exists := model[key]
			switch r.IntN(6) {
			case 0:
				e.Kind = entry.EffectDel
				delete(model, key)
			case 1:
				e.Kind, e.Offset = entry.EffectPatch, uint64(len(old.Value))
				if exists {
					old.Value, old.Version = entry.Patched(old.Value, len(old.Value), e.Value), e.Version
					model[key] = old
				}
			case 2:
				e.Kind = entry.EffectExpire
				if exists {
					old.ExpireAt, old.Version = e.ExpireAt, e.Version
					model[key] = old
				}
			case 3:
				if r.IntN(8) == 0 {
					sl := s.Slot(slot.Of([]byte(key)))
					sl.Lock()
					sl.DropLocked()
					sl.Unlock()
					maps.DeleteFunc(model, func(k string, _ Item) bool { return slot.Of([]byte(k)) == slot.Of([]byte(key)) })
				}
				continue
			default:
				model[key] = Item{Value: e.Value, ExpireAt: e.ExpireAt, Version: e.Version}
			}
			apply(s, e)
			// Read some slots of the capture in between.
			for range r.IntN(500) {
				if next < slot.Count {
					_, items := c.Slot(next)
					for _, k := range items {
						got[k.Key] = describe(k.Item)
					}
					next++
				}
			}
		}
		for ; next < slot.Count; next++ {
			_, items := c.Slot(next)
			for _, k := range items {
				got[k.Key] = describe(k.Item)
			}
		}
		c.Release()
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d round %d: the capture changed while writes went on:\ngot  %v\nwant %v", seed, round, got, want)
		}
		wantNow, expiring := map[string]string{}, 0
		for k, item := range model {
			wantNow[k] = describe(item)
			if item.ExpireAt != 0 {
				expiring++
			}
		}
		if s.Expires() != expiring {
			t.Fatalf("seed %d round %d: Expires() = %d, want %d", seed, round, s.Expires(), expiring)
		}
		if got := contents(s); !maps.Equal(got, wantNow) || s.Len() != len(model) {
			t.Fatalf("seed %d round %d: got %v (Len %d), want %v", seed, round, got, s.Len(), wantNow)
		}
	}
	for _, k := range keys {
		apply(s, entry.Effect{Kind: entry.EffectDel, Key: []byte(k)})
	}
	if s.Len() != 0 || s.UsedBytes() != 0 || s.Expires() != 0 {
		t.Errorf("an empty store counts %d keys and %d bytes", s.Len(), s.UsedBytes())
	}
}

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
		if got, _ := c.Slot(id); got != want {
			t.Errorf("slot %d: captured state %d, want %d", id, got, want)
		}
	}
	if got := fmt.Sprint(s.Owned()); got != "[8]" {
		t.Errorf("Owned() = %v, want [8]", got)
	}
}

func TestReadersWriterAndCaptureRunTogether(t *testing.T) {
	s := New()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if item, ok := get(s, fmt.Sprint(i%100)); ok && len(item.Value) == 0 {
					t.Error("an empty value was seen")
					return
				}
				s.ExpiredKeys(nil, 0, 5, 3)
			}
		})
	}
	captures := make(chan *Capture)
	wg.Go(func() {
		for c := range captures {
			captured(c)
			c.Release()
		}
	})
	for round := range 10 {
		c := s.Capture()
		captures <- c
		for i := range 1000 {
			apply(s, set(fmt.Sprint(i%100), "v", int64(i%10), uint64(round*1000+i)))
		}
		for s.captured.Load() {
			apply(s, set("busy", "v", 0, 1))
		}
	}
	close(captures)
	close(stop)
	wg.Wait()
}

func TestExpiredKeysFindsAllAndOnlyExpiredOnesAcrossPasses(t *testing.T) {
	s := New()
	for i := range 500 {
		apply(s, set(fmt.Sprint("k", i), "v", int64(i), 1)) // 0 never expires
	}
	found := map[string]bool{}
	for from := slot.ID(0); ; {
		var keys [][]byte
		keys, from = s.ExpiredKeys(nil, from, 250, 7)
		for _, k := range keys {
			found[string(k)] = true
			apply(s, entry.Effect{Kind: entry.EffectDel, Key: k, Reason: entry.ReasonExpire})
		}
		if from == 0 && len(keys) == 0 {
			break
		}
	}
	if len(found) != 250 || found["k0"] || !found["k250"] || found["k251"] {
		t.Errorf("found %d expired keys, want k1 to k250", len(found))
	}
	if keys, _ := s.ExpiredKeys(nil, 0, 251, 10); len(keys) != 1 || string(keys[0]) != "k251" {
		t.Errorf("a moment later: %q, want k251", keys)
	}
}
