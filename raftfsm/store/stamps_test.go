package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// use gives a key a stamp, as a read on the leader does.
func use(s *Store, key string, next func(Access) Access) {
	sl := s.Slot(slot.Of([]byte(key)))
	sl.RLock()
	sl.GetTouchLocked([]byte(key), next)
	sl.RUnlock()
}

func stamp(t *testing.T, s *Store, key string) Access {
	t.Helper()
	item, ok := get(s, key)
	if !ok {
		t.Fatalf("key %s is gone", key)
	}
	return item.Access
}

// carry applies portions of a pass until it has gone round all slots once, and returns their bytes. lost leaves some out.
func carry(t *testing.T, p *StampPass, to *Store, now int64, bytesMax int, lost func() bool) (sent int) {
	t.Helper()
	for seen, ended := 0, false; seen < slot.Count || !ended; {
		var portion []byte
		var visited int
		portion, visited, ended = p.Next(nil, now, 700, bytesMax)
		seen += visited
		sent += len(portion)
		if len(portion) > bytesMax+stampsHeadBytes+stampsHoldBytesMax+32 {
			t.Fatalf("a portion of %d bytes, the limit is %d", len(portion), bytesMax)
		}
		if len(portion) == 0 || lost() {
			continue
		}
		if _, err := to.ApplyStamps(portion, p.kind, now, 0); err != nil {
			t.Fatalf("own portion: %v", err)
		}
	}
	return sent
}

func never() bool { return false }

// The leader's keys are used, written and deleted at random; the follower gets the same writes and, after each round of
// uses, portions of all sizes. Whatever both hold then has the same stamp, under each policy.
func TestFollowerHasTheLeadersStampsAfterAPass(t *testing.T) {
	for _, kind := range []StampKind{StampsLRU, StampsLFU} {
		for _, test := range []struct{ slots, keys, bytesMax int }{{300, 4, 64}, {20, 300, 1 << 10}, {1, 6000, 4 << 10}, {2, 4000, 1 << 20}} {
			t.Run(fmt.Sprintf("kind %d, %d slots of %d keys", kind, test.slots, test.keys), func(t *testing.T) {
				followStamps(t, kind, test.slots, test.keys, test.bytesMax)
			})
		}
	}
}

func followStamps(t *testing.T, kind StampKind, slots, keys, bytesMax int) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	leader, follower := NewSeeded(seed), NewSeeded(seed)
	key := func() string { return fmt.Sprintf("{%d}%d", r.IntN(slots), r.IntN(keys)) }
	now, lfu := int64(1_800_000_000_000), LFU{LogFactor: 1, DecayMinutes: 1}
	version, live := uint64(0), map[string]bool{}
	pass := NewStampPass(leader, kind, false)
	for round := range 4 {
		for range 2 * slots * keys / (1 + round) {
			k := key()
			switch r.IntN(10) {
			case 0, 1, 2, 3:
				version++
				at := Stamping{New: LRU(now - r.Int64N(5000))}
				if kind == StampsLFU {
					at = Stamping{New: lfu.Initial(now), Keep: true}
				}
				leader.SetStamping(at)
				follower.SetStamping(Stamping{New: at.New - 2, Keep: at.Keep}) // it applies a little earlier or later
				e := set(k, "v", 0, version)
				apply(leader, e)
				apply(follower, e)
				live[k] = true
			case 4:
				apply(leader, del(k))
				apply(follower, del(k))
				delete(live, k)
			default:
				use(leader, k, func(a Access) Access {
					if kind == StampsLFU {
						return lfu.Used(a, now, r.Uint64())
					}
					return LRU(now)
				})
			}
			now += r.Int64N(40)
		}
		carry(t, pass, follower, now, bytesMax, never)
		differ := 0
		for k := range live {
			if stamp(t, follower, k) != stamp(t, leader, k) {
				differ++
			}
		}
		if differ > 2+len(live)/10_000 { // one in 2^16 is taken for another
			t.Fatalf("seed %d round %d: %d of %d keys have another stamp on the follower", seed, round, differ, len(live))
		}
		now += r.Int64N(600_000)
	}
	mustCheck(t, follower, seed)
}

// Lost portions leave stamps older than they are, and a whole round repairs them.
func TestLostPortionsAreRepairedByAWholeRound(t *testing.T) {
	const keys, now = 20_000, int64(1_800_000_000_000)
	r := rand.New(rand.NewPCG(3, 0))
	leader, follower := New(), New()
	for i := range keys {
		e := set(fmt.Sprint(i), "v", 0, 1)
		apply(leader, e)
		apply(follower, e)
		use(leader, fmt.Sprint(i), func(Access) Access { return LRU(now - int64(i)*1000) })
	}
	pieces, shared := map[string]int{}, map[int]bool{} // keys that a portion cannot tell apart
	for i := range keys {
		key := fmt.Appendf(nil, "%d", i)
		sl := leader.Slot(slot.Of(key))
		piece := fmt.Sprint(sl.id, stampPiece(leader.hash(key), sl.stampPieceBits()))
		if other, ok := pieces[piece]; ok {
			shared[i], shared[other] = true, true
		}
		pieces[piece] = i
	}
	if len(shared) > 10 {
		t.Fatalf("%d of %d keys cannot be told apart", len(shared), keys)
	}
	pass := NewStampPass(leader, StampsLRU, false)
	carry(t, pass, follower, now, 4<<10, func() bool { return r.IntN(2) == 0 })
	missing := 0
	for i := range keys {
		switch got := stamp(t, follower, fmt.Sprint(i)); {
		case got == LRU(now-int64(i)*1000):
		case got == 0:
			missing++
		case !shared[i]:
			t.Fatalf("key %d has stamp %x, which nobody gave it", i, got)
		}
	}
	if missing < keys/10 || missing > keys*9/10 {
		t.Fatalf("%d of %d stamps are missing: nothing or all was lost", missing, keys)
	}
	if sent := carry(t, pass, follower, now, 4<<10, never); sent > keys {
		t.Errorf("a round without a use took %d bytes", sent)
	}
	pass.Again()
	carry(t, pass, follower, now, 4<<10, never)
	for i := range keys {
		if got := stamp(t, follower, fmt.Sprint(i)); got != LRU(now-int64(i)*1000) && !shared[i] {
			t.Fatalf("key %d has stamp %x after a whole round", i, got)
		}
	}
}

// A stamp never comes out newer than it is: not later than the follower's now, whatever the leader's clock says, and under
// LRU never older than what the follower knows better.
func TestStampsStayBehindTheFollowersClock(t *testing.T) {
	const now = int64(1_800_000_000_000)
	for _, kind := range []StampKind{StampsLRU, StampsLFU} {
		for _, ahead := range []int64{-7200_000, 0, 7200_000} {
			leader, follower := New(), New()
			apply(leader, set("k", "v", 0, 1))
			apply(follower, set("k", "v", 0, 1))
			mark := LRU(now + ahead - 600_000)
			if kind == StampsLFU {
				mark = lfuStamp(now+ahead-600_000, 77)
			}
			use(leader, "k", func(Access) Access { return mark })
			carry(t, NewStampPass(leader, kind, false), follower, now+ahead, 1<<10, never)
			portion, _, _ := NewStampPass(leader, kind, false).Next(nil, now+ahead, slot.Count, 1<<10)
			follower = New()
			apply(follower, set("k", "v", 0, 1))
			if _, err := follower.ApplyStamps(portion, kind, now, 0); err != nil {
				t.Fatal(err)
			}
			got, want := stamp(t, follower, "k"), now-600_000+min(ahead, 0)
			if kind == StampsLRU && got != LRU(want) || kind == StampsLFU && got != lfuStamp(want, 77) {
				t.Errorf("kind %d, the leader's clock %d ms ahead: stamp %x, want that of %d", kind, ahead, got, want)
			}
			use(follower, "k", func(Access) Access { return LRU(now) })
			if changed, _ := follower.ApplyStamps(portion, kind, now, 0); (changed == 0) != (kind == StampsLRU) {
				t.Errorf("kind %d: %d stamps changed of a key that was used here since", kind, changed)
			}
			other := StampsLRU + StampsLFU - kind
			if changed, err := follower.ApplyStamps(portion, other, now, 0); changed != 0 || err != nil {
				t.Errorf("a portion of another kind: %d changed, %v", changed, err)
			}
		}
	}
}

func TestVolatilePassGivesKeysWithAnExpiryOnly(t *testing.T) {
	const now = int64(1_800_000_000_000)
	leader, follower := New(), New()
	for _, s := range []*Store{leader, follower} {
		s.SetStamping(Stamping{New: 5})
		for i := range 200 {
			apply(s, set(fmt.Sprintf("{x}%d", i), string(make([]byte, i%2*2000)), int64(i%3)*now, 1))
		}
	}
	for i := range 200 {
		use(leader, fmt.Sprintf("{x}%d", i), func(Access) Access { return LRU(now) })
	}
	carry(t, NewStampPass(leader, StampsLRU, true), follower, now, 1<<10, never)
	for i := range 200 {
		if got := stamp(t, follower, fmt.Sprintf("{x}%d", i)); (got == LRU(now)) != (i%3 != 0) {
			t.Errorf("key %d, expiry %v: stamp %x", i, i%3 != 0, got)
		}
	}
}

// What a pass sends for each used key of slots that are as full as those of two million keys.
func TestUsedKeyCostsFewBytes(t *testing.T) {
	const slots, keys, now = 200, 24_000, int64(1_800_000_000_000)
	key := func(i int) string { return fmt.Sprintf("{%d}%d", i%slots, i) }
	for _, test := range []struct {
		kind  StampKind
		share int // one in so many keys was used
		want  float64
	}{{StampsLRU, 1, 4.1}, {StampsLFU, 1, 5.1}, {StampsLRU, 10, 4.6}, {StampsLFU, 10, 5.6}} {
		s := New()
		for i := range keys {
			apply(s, set(key(i), "v", 0, 1))
		}
		pass := NewStampPass(s, test.kind, false)
		carry(t, pass, New(), now-60_000, 32<<10, never)
		for i := range keys {
			if i/slots%test.share == 0 {
				use(s, key(i), func(Access) Access {
					if test.kind == StampsLFU {
						return lfuStamp(now, 9)
					}
					return LRU(now - int64(i%30)*1000)
				})
			}
		}
		got := float64(carry(t, pass, New(), now, 32<<10, never)) / float64(keys/test.share)
		t.Logf("kind %d, 1 in %d of %d keys: %.2f bytes a used key", test.kind, test.share, keys, got)
		if got > test.want {
			t.Errorf("kind %d, 1 in %d of %d keys: %.2f bytes a used key, want at most %.1f", test.kind, test.share, keys, got, test.want)
		}
	}
}

func FuzzApplyStamps(f *testing.F) {
	const now = int64(1_800_000_000_000)
	s := New()
	for i := range 300 {
		e := entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: fmt.Appendf(nil, "{%d}%d", i%3, i), Version: 1}
		apply(s, e)
		use(s, string(e.Key), func(Access) Access { return LRU(now - int64(i)*1000) })
	}
	for _, kind := range []StampKind{StampsLRU, StampsLFU} {
		portion, _, _ := NewStampPass(s, kind, false).Next(nil, now, slot.Count, 1<<20)
		f.Add(portion)
		f.Add(portion[:len(portion)/2])
	}
	digest := func() (sum uint64) {
		for i := range 3 {
			sl := s.Slot(slot.Of(fmt.Appendf(nil, "{%d}", i)))
			sl.RLock()
			sum += sl.DigestLocked()
			sl.RUnlock()
		}
		return sum
	}
	before := digest()
	f.Fuzz(func(t *testing.T, portion []byte) {
		for _, kind := range []StampKind{StampsLRU, StampsLFU} {
			_, _ = s.ApplyStamps(portion, kind, now, 0)
		}
		if digest() != before {
			t.Fatal("a portion changed what the store holds")
		}
	})
}

// Segments join while a pass stands between them: what comes twice then is left out, and portions stay well formed.
func TestSlotThatShrinksDuringAPassGivesWellFormedPortions(t *testing.T) {
	const keys, now = 3000, int64(1_800_000_000_000)
	s, follower := New(), New()
	s.SetStamping(Stamping{New: LRU(now)})
	key := func(i int) string { return fmt.Sprintf("{x}%d", i) }
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() {
		close(stop)
		<-stopped
	}()
	go func() {
		defer close(stopped)
		for {
			for i := range keys {
				apply(s, set(key(i), "v", 0, 1))
			}
			for i := range keys {
				apply(s, del(key(i)))
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	pass := NewStampPass(s, StampsLRU, false)
	for range 400 {
		pass.Again()
		for ended := false; !ended; {
			var portion []byte
			portion, _, ended = pass.Next(nil, now, slot.Count, 1<<20)
			if len(portion) == 0 {
				continue
			}
			if _, err := follower.ApplyStamps(portion, StampsLRU, now, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}
