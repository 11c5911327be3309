package store

import (
	"sync/atomic"
	"time"
)

// Access is the 24-bit stamp of a key's use. Under an LRU policy it is a clock in units of lruResolution; under an LFU
// policy 16 bits of minutes and an 8-bit logarithmic counter (Redis, evict.c, "LFU").
type Access uint32

const (
	lruResolution = time.Second // Redis, server.h, LRU_CLOCK_RESOLUTION
	// lfuInitial is the counter of a new key: it gets a chance to be used before it is evicted (LFU_INIT_VAL).
	lfuInitial = 5
	lfuMax     = 255
)

// LRU is the stamp of a use at now (milliseconds since the Unix epoch).
func LRU(now int64) Access { return Access(now/lruResolution.Milliseconds()) & accessMask }

// Idle is how long ago the use was, up to 194 days.
func (a Access) Idle(now int64) time.Duration {
	return time.Duration((LRU(now)-a)&accessMask) * lruResolution
}

// UsedAt is when the use was, in milliseconds since the Unix epoch, in whole units of the clock: equal stamps are equal
// instants, whenever they are looked at.
func (a Access) UsedAt(now int64) int64 {
	unit := lruResolution.Milliseconds()
	return (now/unit - int64((LRU(now)-a)&accessMask)) * unit
}

// LFU sets how the counter of uses grows and decays.
type LFU struct {
	// LogFactor makes the counter grow more slowly, DecayMinutes is the time in which an unused key loses one
	// (lfu-log-factor, lfu-decay-time; 0 minutes: no decay).
	LogFactor, DecayMinutes int
}

// Initial is the stamp of a new key.
func (LFU) Initial(now int64) Access { return lfuStamp(now, lfuInitial) }

func lfuStamp(now int64, counter uint32) Access { return lfuMinutes(now)<<8 | Access(counter) }

func lfuMinutes(now int64) Access { return Access(now/time.Minute.Milliseconds()) & 0xffff }

// Freq is the counter at now, decayed by the minutes since the last use.
func (l LFU) Freq(a Access, now int64) uint8 {
	counter := uint32(a) & lfuMax
	if l.DecayMinutes > 0 {
		minutes := uint32((lfuMinutes(now) - a>>8) & 0xffff)
		counter -= min(counter, minutes/uint32(l.DecayMinutes))
	}
	return uint8(counter)
}

// Used is the stamp after one more use; random decides whether the counter grows, with probability
// 1 / ((counter - initial) * LogFactor + 1).
func (l LFU) Used(a Access, now int64, random uint64) Access {
	counter := uint32(l.Freq(a, now))
	if counter < lfuMax {
		base := max(counter, lfuInitial) - lfuInitial
		if float64(random>>11)/(1<<53) < 1/(float64(base)*float64(l.LogFactor)+1) {
			counter++
		}
	}
	return lfuStamp(now, counter)
}

// Stamping says what stamp a written key gets. The zero value: that of the Unix epoch, which LRU reads as very old.
type Stamping struct {
	// New is the stamp of new keys.
	New Access
	// Keep tells that a key which is overwritten keeps its own, as its counter of uses does (LFU); otherwise it
	// gets that of new keys (LRU).
	Keep bool
}

// SetStamping changes what written keys get from now on. Whoever decides on eviction calls it as time goes on.
func (s *Store) SetStamping(st Stamping) {
	word := uint32(st.New & accessMask)
	if st.Keep {
		word |= 1 << 24
	}
	s.stamping.Store(word)
}

func (s *Store) stampNew() Access { return Access(s.stamping.Load() & accessMask) }

func (s *Store) stampOver(old Access) Access {
	if word := s.stamping.Load(); word>>24 == 0 {
		return Access(word)
	}
	return old
}

// TouchLocked changes the stamp of a key from old, which GetLocked gave, to a; the read lock is enough. Of two readers
// that touch at once one wins.
func (sl *Slot) TouchLocked(key []byte, old, a Access) {
	at, ok := sl.find(sl.store.hash(key), key)
	if !ok || old == a {
		return
	}
	word := wordOf(at.object)
	if now := atomic.LoadUint32(word); Access(now&accessMask) == old {
		atomic.CompareAndSwapUint32(word, now, now&^accessMask|uint32(a&accessMask))
	}
}

// GetTouchLocked is GetLocked and, where the key exists, gives it the stamp that next makes of its old one.
func (sl *Slot) GetTouchLocked(key []byte, next func(Access) Access) (Item, bool) {
	at, ok := sl.find(sl.store.hash(key), key)
	if !ok {
		return Item{}, false
	}
	c := readCell(at.object)
	item := c.shown()
	if a := next(item.Access) & accessMask; a != item.Access {
		word := wordOf(at.object)
		now := atomic.LoadUint32(word)
		atomic.CompareAndSwapUint32(word, now, now&^accessMask|uint32(a))
	}
	return item, true
}
