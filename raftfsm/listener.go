package raftfsm

import (
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Listener hears what was applied, in log order, on the FSM goroutine. No method may block or call back into the FSM.
type Listener interface {
	// SectionAppliedLocked follows the effects of one batch on one slot, under the same hold of the slot's write lock.
	SectionAppliedLocked(h entry.Header, section *entry.Section)
	// SlotDroppedLocked follows the emptying of a slot, under the same hold of its write lock.
	SlotDroppedLocked(h entry.Header, s slot.ID)
	// HandoverChanged says that a record of a hand-over (entry.KindFreeze to entry.KindMigrationEnd) was applied, whether it changed
	// anything or not; state is the one after it. Applied follows. Of the keys of chunks nothing is said.
	HandoverChanged(state State)
	// Applied says that the record at a log index passed the fence and that all its effects are in the store.
	Applied(h entry.Header, index uint64)
	// Skipped says that the record failed the fence and never takes effect.
	Skipped(h entry.Header)
	// Started says that an ExecutorStart opened the incarnation in state; every record of another incarnation that was
	// not applied before never will be. term is the entry's. afterRelease tells that the sequenced record directly
	// before it is a LEASE_RELEASE.
	Started(start entry.ExecutorStart, term uint64, afterRelease bool, state State)
	// Restored says that a snapshot has replaced store and state.
	Restored(state State)
}

// Deaf is a listener that does nothing, for state machines that nobody waits for: a log that is replayed, a snapshot that
// is looked at.
type Deaf struct{}

var _ Listener = Deaf{}

func (Deaf) SectionAppliedLocked(entry.Header, *entry.Section) {}

func (Deaf) SlotDroppedLocked(entry.Header, slot.ID) {}

func (Deaf) HandoverChanged(State) {}

func (Deaf) Applied(entry.Header, uint64) {}

func (Deaf) Skipped(entry.Header) {}

func (Deaf) Started(entry.ExecutorStart, uint64, bool, State) {}

func (Deaf) Restored(State) {}
