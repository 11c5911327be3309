package executor

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// Tx is the latest state of the shard during the evaluation of one request: its own writes over the overlay over the
// store. Writes are kept aside until the evaluation has returned, and enter batch and overlay together.
type Tx struct {
	e    *Executor
	slot slot.ID
	now  int64
	// saw is the latest batch whose pending values the request has read.
	saw    BatchID
	writes []write
	// works are the keys whose fields the request has changed and not deleted or overwritten since.
	works map[string]*fieldWork
	// scratch holds the values that Get has lent, until the next request.
	scratch []byte
	// growth is by how much the writes make the store grow, where there is a limit.
	growth int64
	// done is the effect by which the result of the request is remembered, nil where it has no id.
	done *entry.Effect
	// alone tells that the writes go into a batch of their own: composed with those of others they could become too large.
	alone bool
	// refused, where set, is why nothing of the request is applied.
	refused *apierr.Error
	// peeks tells that a look at a key is no use of it.
	peeks bool
}

// scratchBytesMax is how much of that memory is kept for the next request.
const scratchBytesMax = 1 << 20

// valueUse says what a look at a key is for.
type valueUse uint8

const (
	// valueUnused leaves the value out.
	valueUnused valueUse = iota
	// valueLent lends it until the evaluation of the request ends.
	valueLent
	// valueKept gives it as memory that nobody changes, for the overlay.
	valueKept
)

// write is one effect, or the emptying of slots, that the request asks for.
type write struct {
	effect entry.Effect
	drop   []slot.Range
	// item is what the key holds after the effect.
	item    store.Item
	deleted bool
	// fields is what the request has done to the key's fields and its expiry, where it has any: that enters the overlay then.
	fields *fieldWork
}

func (tx *Tx) reset(r *Request, now int64) {
	tx.slot, tx.now, tx.saw, tx.done, tx.alone = r.Slot, now, BatchID{}, nil, false
	tx.refused = nil
	clear(tx.writes)
	tx.writes = tx.writes[:0]
	clear(tx.works)
	tx.scratch = tx.scratch[:0]
	if cap(tx.scratch) > scratchBytesMax {
		tx.scratch = nil
	}
}

// Now is the shard's clock in milliseconds since the Unix epoch.
func (tx *Tx) Now() int64 { return tx.now }

// Get returns the item of a key, false where there is none or where it has expired. An expired key is deleted by the
// way, so that no later leader with a slower clock shows it again. Item.Value is lent until the evaluation ends.
func (tx *Tx) Get(key []byte) (store.Item, bool) { return tx.get(key, valueLent) }

func (tx *Tx) get(key []byte, use valueUse) (store.Item, bool) {
	item, ok := tx.look(key, use)
	if ok && item.Expired(tx.now) {
		tx.delete(key, entry.ReasonExpire)
		return store.Item{}, false
	}
	return item, ok
}

func (tx *Tx) look(key []byte, use valueUse) (store.Item, bool) {
	if w := tx.work(key); w != nil {
		return w.item, true
	}
	for i := len(tx.writes) - 1; i >= 0; i-- {
		w := &tx.writes[i]
		if w.drop != nil && contains(w.drop, tx.slot) {
			return store.Item{}, false
		}
		if w.drop == nil && string(w.effect.Key) == string(key) {
			return w.item, !w.deleted
		}
	}
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	if p, found := tx.e.overlay.slots[tx.slot].look(key); found {
		tx.saw = later(tx.saw, p.batch)
		return p.item, !p.deleted
	}
	item, ok := tx.stored(sl, key)
	if ok {
		item.Value = tx.take(item, use)
	}
	return item, ok
}

// take copies a value out of the store, whose memory it is only as long as the slot is locked.
func (tx *Tx) take(item store.Item, use valueUse) []byte {
	switch {
	case use == valueUnused || item.Expired(tx.now):
		return nil
	case use == valueKept:
		return tx.e.builder.Copy(item.Value)
	}
	start, n := len(tx.scratch), len(item.Value)
	if n > cap(tx.scratch)-start {
		// What was lent before stays where it is.
		start, tx.scratch = 0, make([]byte, 0, max(2*cap(tx.scratch), n, 4<<10))
	}
	tx.scratch = append(tx.scratch, item.Value...)
	return tx.scratch[start : start+n : start+n]
}

func contains(ranges []slot.Range, s slot.ID) bool {
	for _, r := range ranges {
		if r.Contains(s) {
			return true
		}
	}
	return false
}

// later returns the later of two batches of one incarnation.
func later(a, b BatchID) BatchID {
	if a.Incarnation == b.Incarnation && a.Sequence > b.Sequence {
		return a
	}
	return b
}

// Set gives key a whole new value, type and expiry (0 = never) and returns the version of the change. Fields come packed.
func (tx *Tx) Set(key, value []byte, typ entry.Type, expireAt int64) uint64 {
	if expireAt != 0 && expireAt <= tx.now {
		// The key is gone before anybody can see it; Redis deletes it too.
		tx.Delete(key)
		return tx.e.version
	}
	if typ.HasFields() {
		if err := entry.CheckPacked(value); err != nil {
			panic("executor: " + err.Error()) // no replica could read it
		}
	}
	v := tx.nextVersion()
	item := store.Item{Value: tx.e.builder.Copy(value), Type: typ, ExpireAt: expireAt, Version: v}
	delete(tx.works, string(key))
	tx.write(entry.Effect{Kind: entry.EffectSet, Type: typ, Key: tx.e.builder.Copy(key), Value: item.Value, ExpireAt: expireAt, Version: v}, item)
	if typ.HasFields() {
		tx.setWhole(&tx.writes[len(tx.writes)-1])
	}
	return v
}

// Patch overwrites part of the value of an existing key from offset on.
func (tx *Tx) Patch(key []byte, offset int, data []byte) uint64 {
	item, ok := tx.Get(key)
	if !ok {
		panic("executor: Patch of a key that does not exist")
	}
	v := tx.nextVersion()
	data = tx.e.builder.Copy(data)
	item.Value, item.Version = entry.Patched(item.Value, offset, data), v
	tx.write(entry.Effect{Kind: entry.EffectPatch, Type: item.Type, Key: tx.e.builder.Copy(key), Offset: uint64(offset), Value: data, Version: v}, item)
	return v
}

// Delete deletes a key and tells whether it existed.
func (tx *Tx) Delete(key []byte) bool {
	if _, ok := tx.get(key, valueUnused); !ok {
		return false
	}
	tx.delete(key, entry.ReasonDelete)
	return true
}

func (tx *Tx) delete(key []byte, reason entry.Reason) {
	delete(tx.works, string(key))
	tx.writes = append(tx.writes, write{
		effect:  entry.Effect{Kind: entry.EffectDel, Reason: reason, Key: tx.e.builder.Copy(key), Version: tx.nextVersion()},
		deleted: true,
	})
}

// Expire changes the expiry of an existing key (0 = never); an instant that has passed deletes it.
func (tx *Tx) Expire(key []byte, expireAt int64) bool {
	if expireAt != 0 && expireAt <= tx.now {
		return tx.Delete(key)
	}
	item, ok := tx.get(key, valueKept)
	if !ok {
		return false
	}
	var w *fieldWork
	if item.Type.HasFields() {
		w = tx.workOn(key, item.Type)
	}
	item.ExpireAt, item.Version = expireAt, tx.nextVersion()
	if w != nil {
		w.item, w.head = item, true
	}
	tx.write(entry.Effect{Kind: entry.EffectExpire, Type: item.Type, Key: tx.e.builder.Copy(key), ExpireAt: expireAt, Version: item.Version}, item)
	tx.writes[len(tx.writes)-1].fields = w
	return true
}

// Flush deletes all keys of those of the slots that are served here.
func (tx *Tx) Flush(slots []slot.Range) {
	if slots = tx.e.servedOf(slots); len(slots) > 0 {
		if contains(slots, tx.slot) {
			clear(tx.works)
		}
		tx.writes = append(tx.writes, write{drop: slots, effect: entry.Effect{Version: tx.nextVersion()}})
	}
}

// Refuse answers the request with an error. Nothing that it has changed is applied.
func (tx *Tx) Refuse(err *apierr.Error) { tx.refused = err }

func (tx *Tx) nextVersion() uint64 {
	tx.e.version++
	return tx.e.version
}

func (tx *Tx) write(e entry.Effect, item store.Item) {
	tx.writes = append(tx.writes, write{effect: e, item: item})
}

// sizeBytes is about what the writes add to a batch.
func (tx *Tx) sizeBytes() int {
	n := 0
	for i := range tx.writes {
		e := &tx.writes[i].effect
		n += len(e.Key) + len(e.Field) + len(e.Value)
	}
	return n
}

// commit enters the writes into the batch and, under one hold of the slot, into the overlay.
func (tx *Tx) commit(batch BatchID) {
	for i := range tx.writes {
		if w := &tx.writes[i]; w.drop != nil {
			tx.e.builder.Drop(w.drop, w.effect.Version)
		} else {
			tx.e.builder.Add(tx.slot, w.effect)
		}
	}
	if tx.done != nil {
		tx.e.builder.Add(tx.slot, *tx.done)
	}
	sl := tx.e.store.Slot(tx.slot)
	over := &tx.e.overlay.slots[tx.slot]
	sl.Lock()
	for i := range tx.writes {
		switch w := &tx.writes[i]; {
		case w.fields != nil: // below, once for all of them
		case w.drop == nil:
			over.put(w.effect.Key, pending{item: w.item, deleted: w.deleted, batch: batch})
		case contains(w.drop, tx.slot):
			over.drop(batch, sl.LenLocked())
		}
	}
	for _, w := range tx.works {
		over.putFields(w, batch)
	}
	if d := tx.done; d != nil {
		over.putDone(session.ID{Client: d.Client, Sequence: d.Sequence}, pendingDone{result: d.Value, batch: batch})
	}
	sl.Unlock()
	for i := range tx.writes {
		tx.dropOthers(tx.writes[i].drop, batch)
	}
}

// dropOthers enters the emptying of slots other than the request's own into the overlay.
func (tx *Tx) dropOthers(ranges []slot.Range, batch BatchID) {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if id := slot.ID(s); id != tx.slot {
				sl := tx.e.store.Slot(id)
				sl.Lock()
				tx.e.overlay.slots[id].drop(batch, sl.LenLocked())
				sl.Unlock()
			}
		}
	}
}
