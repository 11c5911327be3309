package executor

import (
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// usage is what a reader is told, without a use.
func (b *bench) usage(mode ReadMode, key string) (u Usage, ok bool) {
	b.t.Helper()
	if err := b.exec.Read(b.t.Context(), slot.Of([]byte(key)), mode, func(v *View) { u, ok = v.Usage([]byte(key)) }); err != nil {
		b.t.Fatal(err)
	}
	return u, ok
}

func (b *bench) read(mode ReadMode, key string, look func(*View)) {
	b.t.Helper()
	if err := b.exec.Read(b.t.Context(), slot.Of([]byte(key)), mode, look); err != nil {
		b.t.Fatal(err)
	}
}

// wallBench is a leader whose wall clock the test moves; pass lets time pass, in steps that the clock follows.
func wallBench(t *testing.T) (b *bench, pass func(time.Duration)) {
	var wall wallClock
	b = newLeader(t, func(c *Config) { c.Wall = wall.now })
	return b, func(d time.Duration) {
		const step = clockStepMax * 4 / 5
		for ; d > 0; d -= step {
			wall.step(min(d, step))
			b.exec.stampWrites()
		}
	}
}

func TestUseIsNotedByReadsAndWritesAndNotByThoseWhoOnlyAsk(t *testing.T) {
	key := []byte("k")
	const idle = 10 * time.Second
	for name, c := range map[string]struct {
		do   func(b *bench)
		used bool
	}{
		"GET":         {func(b *bench) { b.read(ReadLease, "k", func(v *View) { v.Get(key) }) }, true},
		"stale GET":   {func(b *bench) { b.read(ReadStale, "k", func(v *View) { v.Get(key) }) }, true},
		"peek":        {func(b *bench) { b.read(ReadLease, "k", func(v *View) { v.Peek(key) }) }, false},
		"stale peek":  {func(b *bench) { b.read(ReadStale, "k", func(v *View) { v.Peek(key) }) }, false},
		"usage":       {func(b *bench) { b.usage(ReadLease, "k") }, false},
		"GET in EXEC": {func(b *bench) { b.submit("k", func(tx *Tx) { tx.Get(key) }) }, true},
		"peek in it":  {func(b *bench) { b.submit("k", func(tx *Tx) { tx.Peek(key) }) }, false},
		"SET":         {func(b *bench) { b.set("k", "w") }, true},
		"peek, GET":   {func(b *bench) { b.read(ReadLease, "k", func(v *View) { v.Peek(key); v.Get(key) }) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			b, pass := wallBench(t)
			b.exec.SetEviction(Eviction{Policy: AllKeysLRU})
			b.set("k", "v")
			b.settle()
			pass(idle)
			c.do(b)
			b.settle()
			want := idle
			if c.used {
				want = 0
			}
			if u, ok := b.usage(ReadLease, "k"); !ok || u.Idle < want || u.Idle > want+2*time.Second || u.Bytes < 20 {
				t.Errorf("idle %v, %d bytes; want idle %v", u.Idle, u.Bytes, want)
			}
		})
	}
}

func TestUsageOfAPendingKeyIsThatOfTheChange(t *testing.T) {
	for _, policy := range []EvictionPolicy{AllKeysLRU, AllKeysLFU} {
		b, pass := wallBench(t)
		b.exec.SetEviction(Eviction{Policy: policy, LFULogFactor: 10})
		b.set("k", "v")
		b.settle()
		pass(2 * time.Minute)
		if u, _ := b.usage(ReadStale, "k"); u.Idle < time.Minute {
			t.Errorf("%v: idle %v before the change", policy, u.Idle)
		}
		b.set("k", string(make([]byte, 200)))
		b.driver.Step()
		var u Usage
		var ok bool
		view := View{over: &b.exec.overlay.slots[slot.Of([]byte("k"))], slot: b.store.Slot(slot.Of([]byte("k"))), now: b.exec.clock.Now(), e: b.exec, use: b.exec.use.Load()}
		view.run(func(v *View) { u, ok = v.Usage([]byte("k")) })
		if !ok || u.Idle != 0 || u.Bytes < 200 || policy == AllKeysLFU && u.Freq < 5 {
			t.Errorf("%v: of a pending key: %+v, %v", policy, u, ok)
		}
		b.settle()
		if _, ok := b.usage(ReadLease, "nothing"); ok {
			t.Errorf("%v: a key that does not exist has a usage", policy)
		}
	}
}

// Redis' counter: uses make it grow, also writes of a key that exists; time makes it fall.
func TestCounterOfUsesGrowsWithReadsAndWritesAndFallsWithTime(t *testing.T) {
	b, pass := wallBench(t)
	b.exec.SetEviction(Eviction{Policy: AllKeysLFU, LFULogFactor: 0, LFUDecayMinutes: 1})
	b.set("k", "v")
	b.settle()
	freq := func() uint8 { u, _ := b.usage(ReadLease, "k"); return u.Freq }
	if got := freq(); got != 5 {
		t.Errorf("a new key has counter %d, want 5", got)
	}
	for range 10 {
		b.read(ReadLease, "k", func(v *View) { v.Get([]byte("k")) })
	}
	if got := freq(); got != 15 {
		t.Errorf("after 10 reads: %d, want 15", got)
	}
	for range 10 {
		b.set("k", "w")
		b.settle()
	}
	if got := freq(); got != 25 {
		t.Errorf("after 10 writes: %d, want 25", got)
	}
	pass(5*time.Minute + time.Second)
	if got := freq(); got < 19 || got > 20 {
		t.Errorf("after 5 minutes: %d, want 20", got)
	}
}

// Redis reads the old stamps by the new rules, at random; here they are converted.
func TestStampsAreConvertedWhenThePolicyChangesTheirMeaning(t *testing.T) {
	b, pass := wallBench(t)
	lfu := Eviction{Policy: AllKeysLFU, LFULogFactor: 0, LFUDecayMinutes: 1}
	b.exec.SetEviction(Eviction{Policy: AllKeysLRU})
	b.set("old", "v")
	b.settle()
	pass(3*time.Minute + 5*time.Second)
	b.set("new", "v")
	b.settle()
	b.exec.SetEviction(lfu)
	old, _ := b.usage(ReadLease, "old")
	fresh, _ := b.usage(ReadLease, "new")
	if old.Freq < 1 || old.Freq > 2 || fresh.Freq < 4 || fresh.Freq > 5 {
		t.Errorf("LRU to LFU: counters %d and %d; want 2 for 3 minutes without a use, 5", old.Freq, fresh.Freq)
	}
	b.exec.SetEviction(Eviction{Policy: VolatileLRU})
	old, _ = b.usage(ReadLease, "old")
	fresh, _ = b.usage(ReadLease, "new")
	if old.Idle < 3*time.Minute || old.Idle > 5*time.Minute || fresh.Idle > 2*time.Minute {
		t.Errorf("LFU to LRU: idle %v and %v; want about 3 minutes and none", old.Idle, fresh.Idle)
	}
	b.exec.SetEviction(Eviction{Policy: AllKeysRandom}) // stamps mean the same
	if again, _ := b.usage(ReadLease, "old"); again.Idle < old.Idle {
		t.Errorf("LRU to random: idle %v, before %v", again.Idle, old.Idle)
	}
}

// A start loads the snapshot before it knows the policy: counters are taken for counters then, not for clocks.
func TestCountersSurviveARestart(t *testing.T) {
	lfu := Eviction{Policy: AllKeysLFU, LFULogFactor: 0, LFUDecayMinutes: 1}
	b, _ := wallBench(t)
	load := func(kind store.StampKind, access store.Access) {
		loaded := b.store.Empty()
		sl := loaded.Slot(slot.Of([]byte("k")))
		sl.Lock()
		sl.SetStateLocked(store.SlotOwned)
		sl.LoadLocked([]byte("k"), &store.Item{Type: entry.TypeString, Value: []byte("v"), Version: 1, Access: access})
		sl.Unlock()
		loaded.SetStampKind(kind)
		b.store.Replace(loaded)
	}
	now := b.exec.Clock().Now()
	used := lfu.lfu().Initial(now) + 95
	load(store.StampsLFU, used)
	b.exec.stampWrites()
	b.exec.SetEviction(lfu)
	if u, ok := b.usage(ReadStale, "k"); !ok || u.Freq != 100 {
		t.Errorf("after a start: %+v, %v; want counter 100", u, ok)
	}
	load(store.StampsLRU, store.LRU(now)) // the leader's snapshot, written before it heard of the policy
	b.exec.stampWrites()
	if u, ok := b.usage(ReadStale, "k"); !ok || u.Freq != 5 {
		t.Errorf("stamps of the other kind came with a snapshot: %+v, %v; want counter 5", u, ok)
	}
}

// What is loaded without a stamp is as if it were used now, whatever the policy.
func TestLoadedKeysAreStampedWithThePresent(t *testing.T) {
	b, _ := wallBench(t)
	b.exec.SetEviction(Eviction{Policy: AllKeysLFU, LFULogFactor: 10, LFUDecayMinutes: 1})
	loaded := b.store.Empty()
	sl := loaded.Slot(slot.Of([]byte("k")))
	sl.Lock()
	sl.SetStateLocked(store.SlotOwned)
	sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte("k"), Value: []byte("v"), Version: 1})
	sl.Unlock()
	b.store.Replace(loaded)
	if u, ok := b.usage(ReadStale, "k"); !ok || u.Freq != 5 || u.Idle > time.Minute {
		t.Errorf("%+v, %v", u, ok)
	}
}

// The conversion has to wait for a slot, so that it can be seen while it goes on.
func TestStampsAreOfNoPolicyWhileTheyAreConverted(t *testing.T) {
	b := newLeader(t)
	for _, to := range []EvictionPolicy{AllKeysLRU, AllKeysLFU, VolatileLRU} {
		before := b.exec.Eviction().Policy
		converts := to.lfu() != before.lfu()
		sl := b.store.Slot(slot.Count - 1)
		sl.Lock()
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.exec.SetEviction(Eviction{Policy: to})
		}()
		b.eventually("new policy", func() bool { return b.exec.Eviction().Policy == to })
		if policy, settled := b.exec.StampPolicy(); settled && converts {
			t.Errorf("from %v to %v: stamps count as those of %v while they are converted", before, to, policy)
		}
		sl.Unlock()
		<-done
		if policy, settled := b.exec.StampPolicy(); policy != to || !settled {
			t.Errorf("from %v to %v: stamps are of %v, %v in the end", before, to, policy, settled)
		}
	}
}

// The hot path of a read costs no memory for its stamp.
func TestStampsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, policy := range []EvictionPolicy{AllKeysLRU, AllKeysLFU} {
		b := newLeader(t)
		b.exec.SetEviction(Eviction{Policy: policy, LFULogFactor: 10, LFUDecayMinutes: 1})
		b.set("k", "v")
		b.settle()
		key, s := []byte("k"), slot.Of([]byte("k"))
		get, peek := func(v *View) { v.Get(key) }, func(v *View) { v.Peek(key) }
		allocs := func(look func(*View)) float64 {
			return testing.AllocsPerRun(1000, func() { _ = b.exec.Read(t.Context(), s, ReadLease, look) })
		}
		if got, want := allocs(get), allocs(peek); got > want {
			t.Errorf("%v: a read allocates %v times, one without a stamp %v", policy, got, want)
		}
	}
}
