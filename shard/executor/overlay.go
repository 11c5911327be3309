package executor

import (
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// overlay holds what is evaluated but not yet applied. Each slot's part is guarded by the lock of that slot.
type overlay struct {
	slots [slot.Count]slotOverlay
}

// slotOverlay is the pending changes of one slot.
type slotOverlay struct {
	keys map[string]pending
	// dropped is the batch that empties the slot, if one is pending: a key that is not in keys is absent then.
	dropped BatchID
	// done is the results of requests whose batches are pending. The emptying of the slot leaves them: they were applied.
	done map[session.ID]pendingDone
	// deletions counts the deletions that were ever entered here, of whatever key.
	deletions uint64
	// change is a record on its way because of which the slot is not served, nil where there is none.
	change *slotChange
}

// pending is what a key will hold once its batch is applied.
type pending struct {
	item    store.Item
	deleted bool
	batch   BatchID
	// fields are the changes of its fields, where it is of a type that has them.
	fields *pendingFields
}

// pendingDone is the result of a request that is evaluated and not yet applied.
type pendingDone struct {
	result []byte
	batch  BatchID
}

func (o *slotOverlay) putDone(id session.ID, p pendingDone) {
	if o.done == nil {
		o.done = make(map[session.ID]pendingDone, 1)
	}
	o.done[id] = p
}

// doneApplied forgets a result that is remembered beside the store from now on, if it is of that batch.
func (o *slotOverlay) doneApplied(id session.ID, batch BatchID) {
	if p, pending := o.done[id]; pending && p.batch == batch {
		if delete(o.done, id); len(o.done) == 0 {
			o.done = nil
		}
	}
}

// look returns a key's pending value; found tells whether one is pending (a pending deletion is one).
func (o *slotOverlay) look(key []byte) (p pending, found bool) {
	if p, found = o.keys[string(key)]; found {
		return p, true
	}
	if o.dropped != (BatchID{}) {
		return pending{deleted: true, batch: o.dropped}, true
	}
	return pending{}, false
}

func (o *slotOverlay) put(key []byte, p pending) {
	if o.keys == nil {
		o.keys = make(map[string]pending, 4)
	}
	o.keys[string(key)] = p
	if p.deleted {
		o.deletions++
	}
}

// drop replaces everything pending in the slot, which holds stored keys beside, by its emptying.
func (o *slotOverlay) drop(batch BatchID, stored int) {
	if stored > 0 || len(o.keys) > 0 {
		o.deletions++
	}
	clear(o.keys)
	o.dropped = batch
}

// applied forgets the pending values that are exactly what the section has put into the store. A value that a later
// batch has put over it stays.
func (o *slotOverlay) applied(batch BatchID, section *entry.Section) {
	for i := range section.Effects {
		e := &section.Effects[i]
		if e.Kind == entry.EffectDone {
			o.doneApplied(session.ID{Client: e.Client, Sequence: e.Sequence}, batch)
			continue
		}
		if p, ok := o.keys[string(e.Key)]; ok && p.batch == batch {
			delete(o.keys, string(e.Key))
		} else if ok && p.fields != nil {
			p.fields.applied(batch, e)
		}
	}
	if len(o.keys) == 0 {
		o.keys = nil
	}
}

func (o *slotOverlay) dropApplied(batch BatchID) {
	if o.dropped == batch {
		o.dropped = BatchID{}
	}
}
