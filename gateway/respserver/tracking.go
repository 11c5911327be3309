package respserver

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// trackedOverheadBytes is about what a key in the table costs beside its bytes: the map's share, the set of trackers.
const trackedOverheadBytes = 192

// tracking is the table of keys that clients may have cached. A key is entered before it is read and taken out by its
// first change, which its trackers are told of: a change that the read did not see finds the entry.
type tracking struct {
	bytesMax int64
	// active counts the connections that track; while it is 0, changes cost one load.
	active atomic.Int64
	bytes  atomic.Int64
	// evictAt is the slot that is looked at next for keys to make room.
	evictAt atomic.Uint32
	slots   [slot.Count]trackedSlot
	// broadcasts are the trackers in BCAST mode, nil where there are none. The list is immutable; it changes under mu.
	broadcasts atomic.Pointer[[]*tracker]

	mu       sync.Mutex // protects the field below; taken without a slot's lock
	trackers map[*tracker]struct{}
}

// trackedSlot is the tracked keys of one slot.
type trackedSlot struct {
	mu   sync.Mutex // protects the field below; held for a look-up, and by state machines
	keys map[string]map[*tracker]struct{}
}

func newTracking(bytesMax int) *tracking {
	return &tracking{bytesMax: int64(bytesMax), trackers: map[*tracker]struct{}{}}
}

func (t *tracking) enter(tr *tracker) {
	t.mu.Lock()
	t.trackers[tr] = struct{}{}
	t.mu.Unlock()
	t.active.Add(1)
}

// leave ends a tracker. Its keys stay in the table until they change or make room; the last one to leave clears it.
func (t *tracking) leave(tr *tracker) {
	tr.dead.Store(true)
	t.mu.Lock()
	delete(t.trackers, tr)
	t.mu.Unlock()
	if tr.broadcasts() {
		t.changeBroadcasts(func(list []*tracker) []*tracker {
			return slices.DeleteFunc(list, func(other *tracker) bool { return other == tr })
		})
	}
	if t.active.Add(-1) == 0 && t.bytes.Load() > 0 {
		t.dropDead()
	}
}

// register enters a key that tr is about to read.
func (t *tracking) register(tr *tracker, key []byte) {
	id := slot.Of(key)
	sl := &t.slots[id]
	sl.mu.Lock()
	holders := sl.keys[string(key)]
	if holders == nil {
		holders = make(map[*tracker]struct{}, 1)
		if sl.keys == nil {
			sl.keys = map[string]map[*tracker]struct{}{}
		}
		sl.keys[string(key)] = holders
		t.bytes.Add(trackedBytes(len(key)))
	}
	holders[tr] = struct{}{}
	sl.mu.Unlock()
	for t.bytes.Load() > t.bytesMax {
		t.evict(id)
	}
}

func trackedBytes(keyLen int) int64 { return int64(keyLen) + trackedOverheadBytes }

// evict makes room by invalidating the keys of the next slot that has any; own is the slot of the key that needs it.
func (t *tracking) evict(own slot.ID) {
	for range slot.Count {
		id := slot.ID(t.evictAt.Add(1) % slot.Count)
		if id != own && t.clear(id) > 0 {
			return
		}
	}
	t.clear(own)
}

// keyChanged tells the trackers of a key that it changed. It runs on the goroutine of a state machine.
func (t *tracking) keyChanged(key []byte) {
	if t.active.Load() == 0 {
		return
	}
	t.tellBroadcasts(key)
	sl := &t.slots[slot.Of(key)]
	sl.mu.Lock()
	defer sl.mu.Unlock()
	holders, found := sl.keys[string(key)]
	if !found {
		return
	}
	delete(sl.keys, string(key))
	t.bytes.Add(-trackedBytes(len(key)))
	for tr := range holders {
		tr.invalidate(key)
	}
}

// slotsChanged invalidates the tracked keys of slots; where those are all slots, everything that anybody cached.
func (t *tracking) slotsChanged(ranges []slot.Range) {
	if t.active.Load() == 0 {
		return
	}
	if len(ranges) == 1 && ranges[0].Len() == slot.Count {
		t.mu.Lock()
		for tr := range t.trackers {
			tr.invalidate(nil)
		}
		t.mu.Unlock()
	} else if len(ranges) > 0 {
		t.tellBroadcasts(nil) // which keys are in the slots nobody has noted
	}
	for _, r := range ranges {
		for id := int(r.First); id <= int(r.Last); id++ {
			t.clear(slot.ID(id))
		}
	}
}

// clear invalidates every tracked key of a slot and returns how many there were.
func (t *tracking) clear(id slot.ID) int {
	sl := &t.slots[id]
	sl.mu.Lock()
	defer sl.mu.Unlock()
	n := len(sl.keys)
	for key, holders := range sl.keys {
		t.bytes.Add(-trackedBytes(len(key)))
		for tr := range holders {
			tr.invalidate([]byte(key))
		}
	}
	sl.keys = nil
	return n
}

// dropDead takes out what only connections that have ended had read.
func (t *tracking) dropDead() {
	for id := range t.slots {
		sl := &t.slots[id]
		sl.mu.Lock()
		for key, holders := range sl.keys {
			for tr := range holders {
				if tr.dead.Load() {
					delete(holders, tr)
				}
			}
			if len(holders) == 0 {
				delete(sl.keys, key)
				t.bytes.Add(-trackedBytes(len(key)))
			}
		}
		sl.mu.Unlock()
	}
}

// keys counts the tracked keys, for INFO.
func (t *tracking) keys() (n int) {
	if t.bytes.Load() == 0 {
		return 0
	}
	for id := range t.slots {
		sl := &t.slots[id]
		sl.mu.Lock()
		n += len(sl.keys)
		sl.mu.Unlock()
	}
	return n
}
