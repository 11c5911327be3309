package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func TestSampleIsSpreadOverTheKeysAndHonoursVolatileOnly(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	s := New()
	for i := range 1000 {
		key := fmt.Sprint("k", i)
		if i%2 == 0 {
			key = fmt.Sprint("{one}", i) // half of them in one slot
		}
		apply(s, set(key, "v", int64(i%5), uint64(i+1)))
	}
	times, drawn := map[string]int{}, 0
	var candidates []Candidate
	for range 20_000 {
		candidates = s.Sample(candidates[:0], 5, r.Uint64, false)
		for _, c := range candidates {
			times[string(c.Key)]++
			drawn++
			if c.Slot != slot.Of(c.Key) || c.Bytes < 20 {
				t.Fatalf("candidate %+v", c)
			}
		}
	}
	if drawn != 100_000 || len(times) != 1000 {
		t.Fatalf("seed %d: %d drawn, %d keys of 1000 came", seed, drawn, len(times))
	}
	for key, n := range times { // 100 expected each; segments differ in size, so the share does too
		if n < 20 || n > 400 {
			t.Errorf("seed %d: key %s came %d times, want about 100", seed, key, n)
		}
	}
	for range 100 {
		for _, c := range s.Sample(nil, 5, r.Uint64, true) {
			if c.ExpireAt == 0 {
				t.Fatalf("key %s has no expiry", c.Key)
			}
		}
	}
	if got := New().Sample(nil, 5, r.Uint64, false); len(got) != 0 {
		t.Errorf("an empty store gave %v", got)
	}
	if got := testing.AllocsPerRun(100, func() { candidates = s.Sample(candidates[:0], 5, r.Uint64, false) }); got != 0 {
		t.Errorf("Sample allocates %v times", got)
	}
	if key, ok := s.RandomKey(nil, r.Uint64); !ok || times[string(key)] == 0 {
		t.Errorf("RandomKey gave %q", key)
	}
}

func TestLRUStampsTellHowLongAKeyWasIdle(t *testing.T) {
	const now = int64(1_800_000_000_000)
	for _, idle := range []time.Duration{0, time.Second, time.Hour, 100 * 24 * time.Hour} {
		if got := LRU(now - idle.Milliseconds()).Idle(now); got != idle {
			t.Errorf("idle %v, want %v", got, idle)
		}
	}
}

// Redis documents for lfu-log-factor 10: 100 uses give about 10, a million 255 (redis.conf).
func TestLFUCounterGrowsLogarithmicallyAndDecays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := LFU{LogFactor: 10, DecayMinutes: 1}
	const now = int64(1_800_000_000_000)
	a := l.Initial(now)
	if got := l.Freq(a, now); got != lfuInitial {
		t.Errorf("a new key has counter %d", got)
	}
	for uses, want := range map[int][2]uint8{100: {7, 14}, 1000: {14, 24}, 1_000_000: {240, 255}} {
		a := l.Initial(now)
		for range uses {
			a = l.Used(a, now, r.Uint64())
		}
		if got := l.Freq(a, now); got < want[0] || got > want[1] {
			t.Errorf("%d uses: counter %d, want %d to %d", uses, got, want[0], want[1])
		}
	}
	a = lfuStamp(now, 100)
	minute := time.Minute.Milliseconds()
	if got := l.Freq(a, now+30*minute); got != 70 {
		t.Errorf("after 30 minutes: %d, want 70", got)
	}
	if got := l.Freq(a, now+1000*minute); got != 0 {
		t.Errorf("after 1000 minutes: %d, want 0", got)
	}
	if got := (LFU{DecayMinutes: 0}).Freq(a, now+1000*minute); got != 100 {
		t.Errorf("without decay: %d, want 100", got)
	}
}

func TestStampsFollowThePolicyAndStayOutOfTheDigest(t *testing.T) {
	s, other := New(), NewSeeded(9)
	apply(other, set("a", "v", 0, 1))
	s.SetStamping(Stamping{New: 100})
	apply(s, set("a", "v", 0, 1))
	sl := s.Slot(slot.Of([]byte("a")))
	stamp := func() Access { item, _ := get(s, "a"); return item.Access }
	if stamp() != 100 || s.Digest() != other.Digest() {
		t.Errorf("stamp %d, digests %x and %x", stamp(), s.Digest(), other.Digest())
	}
	sl.RLock()
	sl.TouchLocked([]byte("a"), 99, 200) // somebody else touched it meanwhile
	sl.RUnlock()
	if stamp() != 100 {
		t.Errorf("stamp %d, want 100", stamp())
	}
	sl.RLock()
	sl.TouchLocked([]byte("a"), 100, 200)
	sl.RUnlock()
	s.SetStamping(Stamping{New: 300, Keep: true})
	apply(s, set("a", "longer than before by far", 0, 2))
	if stamp() != 200 {
		t.Errorf("stamp %d, want 200: under LFU an overwritten key keeps its own", stamp())
	}
	s.SetStamping(Stamping{New: 300})
	apply(s, set("a", "v", 0, 1))
	if stamp() != 300 {
		t.Errorf("stamp %d, want 300", stamp())
	}
	apply(s, entry.Effect{Kind: entry.EffectExpire, Key: []byte("a"), ExpireAt: 9, Version: 3})
	if item, _ := get(s, "a"); item.Access != 300 || item.ExpireAt != 9 || item.Type != entry.TypeString {
		t.Errorf("after EXPIRE: %+v", item)
	}
}

func TestDigestsDifferInEveryField(t *testing.T) {
	base := set("k", "v", 5, 7)
	digests := map[uint64]string{}
	add := func(name string, change func(*entry.Effect, *Store)) {
		s, e := New(), base
		change(&e, s)
		apply(s, e)
		if before, twice := digests[s.Digest()]; twice {
			t.Errorf("%s and %s have one digest", before, name)
		}
		digests[s.Digest()] = name
	}
	add("base", func(*entry.Effect, *Store) {})
	add("key", func(e *entry.Effect, _ *Store) { e.Key = []byte("{k}") })
	add("value", func(e *entry.Effect, _ *Store) { e.Value = []byte("w") })
	add("type", func(e *entry.Effect, _ *Store) { e.Type = 2 })
	add("expiry", func(e *entry.Effect, _ *Store) { e.ExpireAt = 6 })
	add("version", func(e *entry.Effect, _ *Store) { e.Version = 8 })
	add("state", func(_ *entry.Effect, s *Store) { s.Slot(3).SetStateLocked(SlotOwned) })
}

// What one slot holds counts whatever the others hold: also where they are empty, and the shard's own.
func TestDigestsDifferWhereverTheDifferenceIs(t *testing.T) {
	s := New()
	for id := range slot.ID(slot.Count) {
		s.Slot(id).SetStateLocked(SlotOwned)
	}
	digests := map[uint64]string{s.Digest(): "nothing"}
	for i := range 50 {
		key := fmt.Sprint("k", i)
		for version, value := range []string{"v", "w"} {
			apply(s, set(key, value, 0, uint64(2*i+version+1)))
			if before, twice := digests[s.Digest()]; twice {
				t.Errorf("%s, and then %s = %s, have one digest", before, key, value)
			}
			digests[s.Digest()] = key + " = " + value
		}
	}
}

// Keys that are there all the time come in every scan, whatever grows and shrinks around them.
func TestScanGivesEveryKeyThatStays(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		s := NewSeeded(seed)
		sl := s.Slot(slot.Of([]byte("{one}")))
		for i := range 300 {
			apply(s, set(fmt.Sprint("{one}stays", i), "v", 0, 1))
		}
		others := r.IntN(5000)
		for i := range others {
			apply(s, set(fmt.Sprint("{one}other", i), "v", 0, 1))
		}
		grow := r.IntN(2) == 0
		seen := map[string]bool{}
		for cursor := uint64(0); ; {
			sl.RLock()
			cursor = sl.ScanLocked(cursor, func(key []byte, _ Item) { seen[string(key)] = true })
			sl.RUnlock()
			if cursor == 0 {
				break
			}
			for range 60 {
				if grow {
					apply(s, set(fmt.Sprint("{one}more", r.IntN(20_000)), "v", 0, 1))
				} else {
					apply(s, del(fmt.Sprint("{one}other", r.IntN(max(others, 1)))))
				}
			}
		}
		for i := range 300 {
			if !seen[fmt.Sprint("{one}stays", i)] {
				t.Fatalf("seed %d: a key that stayed did not come (grow %v, %d others)", seed, grow, others)
			}
		}
	}
}

func TestReadsAndOverwritesDoNotAllocate(t *testing.T) {
	s, f := New(), newFiller(64)
	f.set(s, 1, 0)
	sl := s.Slot(slot.Of(f.effect.Key))
	buf := make([]byte, 0, 64)
	if got := testing.AllocsPerRun(1000, func() {
		sl.RLock()
		item, _ := sl.GetLocked(f.effect.Key)
		buf = append(buf[:0], item.Value...)
		sl.RUnlock()
		f.set(s, 1, 0)
	}); got != 0 {
		t.Errorf("a read and an overwrite allocate %v times", got)
	}
}
