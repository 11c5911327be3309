package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Slots of many segments, slots of one, and a capture that shares all cells.
func TestRestampConvertsEveryKeyOnce(t *testing.T) {
	s := New()
	s.SetStamping(Stamping{New: 1})
	for i := range 3000 {
		apply(s, set(fmt.Sprint("{one}", i), "v", 0, 1))
		apply(s, set(fmt.Sprint("k", i), strings.Repeat("v", i), 0, 1))
	}
	c := s.Capture()
	before := s.Digest()
	s.Restamp(StampsLFU, func(a Access) Access { return a + 1 })
	for i := range 3000 {
		for _, key := range []string{fmt.Sprint("{one}", i), fmt.Sprint("k", i)} {
			if item, ok := get(s, key); !ok || item.Access != 2 {
				t.Fatalf("%s has stamp %d, want 2", key, item.Access)
			}
		}
	}
	if s.Digest() != before {
		t.Error("the digest has changed")
	}
	c.Release()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestStampsKeepTheTimeOfTheLastUseThroughBothConversions(t *testing.T) {
	const now = int64(1_800_000_000_000)
	l := LFU{LogFactor: 10, DecayMinutes: 1}
	for _, idle := range []time.Duration{0, 59 * time.Second, time.Hour, 40 * 24 * time.Hour} {
		lru := LRU(now - idle.Milliseconds())
		lfu := l.FromLRU(lru, now)
		if got, want := l.Freq(lfu, now), max(0, 5-int(idle/time.Minute)); int(got) > want || int(got) < want-1 {
			t.Errorf("idle %v: counter %d, want %d", idle, got, want)
		}
		if got := LRUFromLFU(lfu, now).Idle(now); got < idle-time.Minute || got > idle+time.Minute {
			t.Errorf("idle %v: %v after both", idle, got)
		}
	}
	// Whenever one looks, equal stamps are equal instants.
	a := LRU(now)
	for later := now; later < now+5000; later += 333 {
		if got := a.UsedAt(later); got != a.UsedAt(now) {
			t.Errorf("%d ms later the use was at %d, before at %d", later-now, got, a.UsedAt(now))
		}
	}
}

// What a key will take is known before it is written.
func TestCellBytesIsWhatAWrittenKeyTakes(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	s := New()
	for i := range 5000 {
		e := set(fmt.Sprint("{one}", strings.Repeat("k", r.IntN(300)), i), strings.Repeat("v", r.IntN(1<<(1+r.IntN(17)))), r.Int64N(2)*r.Int64(), r.Uint64()>>r.IntN(64))
		apply(s, e)
		sl := s.Slot(slot.Of(e.Key))
		sl.RLock()
		got, ok := sl.MemoryLocked(e.Key)
		sl.RUnlock()
		if want := CellBytes(e.Key, len(e.Value), entry.TypeString, e.ExpireAt, e.Version); !ok || got != want {
			t.Fatalf("seed %d: key of %d bytes, value of %d: takes %d, foretold %d", seed, len(e.Key), len(e.Value), got, want)
		}
	}
}
