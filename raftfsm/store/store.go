package store

import (
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store/slab"
)

// Store holds the keys of one shard. One goroutine writes (the state machine's), any number read; each slot has its own
// lock, which readers and the writer take through Slot. A store that nobody else has yet may be filled by several
// goroutines, each with slots of its own.
//
// Lock order: slot, garbage, the slabs' own.
type Store struct {
	slots [slot.Count]Slot
	seed  uint64
	// sessions lies beside the keys, under the same locks. Nothing that is done to keys touches it, but for Replace.
	sessions *session.Table
	// counts has the number of keys of each slot, groups that of each countGroup slots, total that of all. Slots that are
	// being imported, those in hidden, count in counts only.
	counts [slot.Count]count
	groups [slot.Count / countGroup]count
	total  count
	hidden slotSet
	bytes  atomic.Int64
	// withFields counts the keys that hold fields, in all slots.
	withFields atomic.Int64
	// nextExpiry is for each slot at most its earliest expiry, 0 where no key expires. Lowered under the slot's write
	// lock, corrected under its read lock, read without it.
	nextExpiry [slot.Count]atomic.Int64
	// capture is the number of the latest capture; captured tells whether it is open.
	capture  atomic.Uint32
	captured atomic.Bool
	stamping atomic.Uint32
	// stamps is the StampKind of all keys' stamps, 0 for StampsLRU.
	stamps  atomic.Uint32
	garbage garbage
	moving  moving
}

// Slot is the part of a store that holds one slot. Methods that end in Locked need its lock: at least RLock to read,
// Lock to write.
type Slot struct {
	mu    sync.RWMutex // protects the fields below; held for one command or one batch's section, never across I/O
	table              // what the slot holds now
	store *Store
	// frozen is the slot as the open capture has to see it, nil where it equals the slot or was read.
	frozen *frozen
	// bytes is this slot's share of the store's sum, withFields that of the keys that hold fields.
	bytes      int64
	withFields int
	// seen is the capture for which the slot was frozen last.
	seen  uint32
	id    slot.ID
	state SlotState
	// dirShared tells that frozen has the same directory: copy it before the next write.
	dirShared bool
}

// SlotState tells what the shard may do with a slot. The numbers stand in snapshots: they are never reused.
type SlotState uint8

const (
	// SlotNotOwned means that the shard neither reads nor writes the slot.
	SlotNotOwned SlotState = 0
	// SlotOwned means that the shard serves the slot.
	SlotOwned SlotState = 1
	// SlotFrozen means that the shard is handing the slot over: it keeps the keys as they are and serves them no more.
	SlotFrozen SlotState = 2
	// SlotImporting means that the shard is taking the slot over: it has keys of it that nobody may see yet.
	SlotImporting SlotState = 3
)

// New returns an empty store that owns no slot.
func New() *Store { return NewSeeded(0) }

// NewSeeded is New with a seed for the hash of the keys. With a seed that clients do not know they cannot choose keys
// that collide. Replicas with the same seed give the same SCAN cursors.
func NewSeeded(seed uint64) *Store {
	s := &Store{seed: seed, sessions: session.New()}
	s.moving.wasteMin = wasteMin
	heap := slab.New()
	for i := range s.slots {
		sl := &s.slots[i]
		sl.store, sl.id, sl.heap = s, slot.ID(i), heap
	}
	return s
}

// Empty returns an empty store for Replace, of the same seed; what is loaded into it is stamped as written now.
func (s *Store) Empty() *Store {
	empty := NewSeeded(s.seed)
	empty.stamping.Store(s.stamping.Load())
	empty.stamps.Store(s.stamps.Load())
	return empty
}

func (s *Store) hash(key []byte) uint64 { return hash64(s.seed, key) }

// Sessions are the results of requests on the slots. The lock of a slot guards its part of them, too.
func (s *Store) Sessions() *session.Table { return s.sessions }

// Slot returns the part of the store that holds one slot.
func (s *Store) Slot(id slot.ID) *Slot { return &s.slots[id] }

// Len is the number of keys in the store, expired ones that nobody has deleted yet included, those of slots that are
// being imported not: they count at the shard that still has them.
func (s *Store) Len() int { return s.total.keys() }

// Expires is how many of these keys have an expiry.
func (s *Store) Expires() int { return s.total.expiring() }

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
	sl.setState(state)
}

// GetLocked returns what a key holds, expired or not. The value is lent until the lock is given up.
func (sl *Slot) GetLocked(key []byte) (Item, bool) {
	at, ok := sl.find(sl.store.hash(key), key)
	if !ok {
		return Item{}, false
	}
	c := readCell(at.object)
	return c.shown(), true
}

// LenLocked is the number of keys in the slot.
func (sl *Slot) LenLocked() int { return sl.store.counts[sl.id].keys() }
