package store

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// SlotState tells what the shard may do with a slot. The numbers stand in snapshots: they are never reused.
type SlotState uint8

const (
	// SlotNotOwned means that the shard neither reads nor writes the slot.
	SlotNotOwned SlotState = 0
	// SlotOwned means that the shard serves the slot.
	SlotOwned SlotState = 1
)

// itemOverheadBytes is what an item costs beside its key and value: the map's share, headers, expiry, version.
const itemOverheadBytes = 112

// Store holds the keys of one shard. One goroutine writes (the state machine's), any number read; each slot has its own
// lock, which readers and the writer take through Slot.
type Store struct {
	slots [slot.Count]Slot
	// keys, expires (those with an expiry) and bytes are sums over all slots.
	keys    atomic.Int64
	expires atomic.Int64
	bytes   atomic.Int64
	// capture is the number of the latest capture; captured tells whether it is still being read.
	capture  atomic.Uint64
	captured atomic.Bool
}

// Slot is the part of a store that holds one slot. Methods that end in Locked need its lock: at least RLock to read,
// Lock to write.
type Slot struct {
	mu    sync.RWMutex // protects the fields below; held for one command or one batch's section, never across I/O
	store *Store
	state SlotState
	table map[string]Item
	// bytes and expires are this slot's share of the store's sums.
	bytes   int64
	expires int64
	// frozen and frozenState are the slot as it was at capture number seen, while that capture has not yet read it.
	frozen      map[string]Item
	frozenState SlotState
	seen        uint64
	// shared tells that a capture reads table right now: copy it before the next write.
	shared bool
	// nextExpiry is at most the earliest expiry in the table, 0 where no key expires. Read without the lock.
	nextExpiry atomic.Int64
}

// New returns an empty store that owns no slot.
func New() *Store {
	s := &Store{}
	for i := range s.slots {
		s.slots[i].store = s
	}
	return s
}

// Slot returns the part of the store that holds one slot.
func (s *Store) Slot(id slot.ID) *Slot { return &s.slots[id] }

// Len is the number of keys in the store, expired ones that nobody has deleted yet included.
func (s *Store) Len() int { return int(s.keys.Load()) }

// UsedBytes is about how much memory the keys take.
func (s *Store) UsedBytes() int64 { return s.bytes.Load() }

// Owned lists the slots that the shard serves.
func (s *Store) Owned() []slot.Range {
	var ranges []slot.Range
	for i := range s.slots {
		sl := &s.slots[i]
		sl.RLock()
		if sl.state == SlotOwned {
			ranges = append(ranges, slot.Range{First: slot.ID(i), Last: slot.ID(i)})
		}
		sl.RUnlock()
	}
	return slot.Normalize(ranges)
}

// Lock locks the slot for writing.
func (sl *Slot) Lock() { sl.mu.Lock() }

// Unlock undoes Lock.
func (sl *Slot) Unlock() { sl.mu.Unlock() }

// RLock locks the slot for reading.
func (sl *Slot) RLock() { sl.mu.RLock() }

// RUnlock undoes RLock.
func (sl *Slot) RUnlock() { sl.mu.RUnlock() }

// StateLocked tells what the shard may do with the slot.
func (sl *Slot) StateLocked() SlotState { return sl.state }

// SetStateLocked changes what the shard may do with the slot.
func (sl *Slot) SetStateLocked(state SlotState) {
	sl.beforeWriteLocked()
	sl.state = state
}

// GetLocked returns what a key holds, expired or not.
func (sl *Slot) GetLocked(key []byte) (Item, bool) {
	item, ok := sl.table[string(key)]
	return item, ok
}

// LenLocked is the number of keys in the slot.
func (sl *Slot) LenLocked() int { return len(sl.table) }

// ApplyLocked applies one effect. Key and Value are copied. Effects on a key that is not there, other than Set, do
// nothing: the leader decided on the same state, so this happens only where a batch deletes a key twice.
func (sl *Slot) ApplyLocked(e *entry.Effect) {
	sl.beforeWriteLocked()
	old, exists := sl.table[string(e.Key)]
	switch e.Kind {
	case entry.EffectSet:
		sl.putLocked(e.Key, old, exists, Item{Value: cloneValue(e.Value), Type: e.Type, ExpireAt: e.ExpireAt, Version: e.Version})
	case entry.EffectPatch:
		if exists {
			item := old
			item.Value, item.Version = entry.Patched(old.Value, int(e.Offset), e.Value), e.Version
			sl.putLocked(e.Key, old, exists, item)
		}
	case entry.EffectExpire:
		if exists {
			item := old
			item.ExpireAt, item.Version = e.ExpireAt, e.Version
			sl.putLocked(e.Key, old, exists, item)
		}
	case entry.EffectDel:
		if exists {
			delete(sl.table, string(e.Key))
			sl.account(-1, -expires(old), -itemBytes(len(e.Key), old))
		}
	}
}

// cloneValue copies a value; the empty value is not nil, so that it reads as present.
func cloneValue(value []byte) []byte { return append(make([]byte, 0, len(value)), value...) }

func (sl *Slot) putLocked(key []byte, old Item, exists bool, item Item) {
	if sl.table == nil {
		sl.table = map[string]Item{}
	}
	sl.table[string(key)] = item
	if exists {
		sl.account(0, expires(item)-expires(old), itemBytes(len(key), item)-itemBytes(len(key), old))
	} else {
		sl.account(1, expires(item), itemBytes(len(key), item))
	}
	if next := sl.nextExpiry.Load(); item.ExpireAt != 0 && (next == 0 || item.ExpireAt < next) {
		sl.nextExpiry.Store(item.ExpireAt)
	}
}

// DropLocked deletes every key of the slot.
func (sl *Slot) DropLocked() {
	sl.beforeWriteLocked()
	sl.account(-int64(len(sl.table)), -sl.expires, -sl.bytes)
	sl.table = nil
	sl.nextExpiry.Store(0)
}

func (sl *Slot) account(keys, expires, bytes int64) {
	sl.bytes += bytes
	sl.expires += expires
	sl.store.keys.Add(keys)
	if expires != 0 {
		sl.store.expires.Add(expires)
	}
	sl.store.bytes.Add(bytes)
}

// expires is 1 for an item that has an expiry.
func expires(item Item) int64 {
	if item.ExpireAt != 0 {
		return 1
	}
	return 0
}

func itemBytes(keyLen int, item Item) int64 {
	return int64(keyLen + len(item.Value) + itemOverheadBytes)
}

// beforeWriteLocked keeps the table as a running capture has to see it.
func (sl *Slot) beforeWriteLocked() {
	if sl.store.captured.Load() {
		if number := sl.store.capture.Load(); sl.seen != number {
			sl.seen = number
			sl.frozen, sl.frozenState = sl.table, sl.state
			sl.table = maps.Clone(sl.table)
			return
		}
	}
	if sl.shared {
		sl.table = maps.Clone(sl.table)
		sl.shared = false
	}
}

// Replace takes over everything that loaded holds, slot by slot, in place of what s held; loaded is used up.
// A running capture goes on seeing the old keys.
func (s *Store) Replace(loaded *Store) {
	for i := range s.slots {
		from, to := &loaded.slots[i], &s.slots[i]
		to.Lock()
		to.beforeWriteLocked()
		to.account(-int64(len(to.table)), -to.expires, -to.bytes)
		to.table, to.state = from.table, from.state
		to.account(int64(len(from.table)), from.expires, from.bytes)
		to.nextExpiry.Store(from.nextExpiry.Load())
		to.Unlock()
	}
}
