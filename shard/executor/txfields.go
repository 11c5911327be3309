package executor

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// fieldWork is what the request at hand has done to the fields of one key, and to its expiry.
type fieldWork struct {
	fieldChanges
	key []byte
	// item is the key without its fields.
	item store.Item
	// head tells that more than fields has changed.
	head bool
	// names are the changed fields in the order of their first changes.
	names []string
}

func (w *fieldWork) set(field string, c fieldChange) {
	if _, again := w.changed[field]; !again {
		w.names = append(w.names, field)
	}
	w.put(field, c)
}

// Kind is Get for what depends on the type of a key alone: it does not wait for pending changes of fields.
func (tx *Tx) Kind(key []byte) (entry.Type, bool) {
	item, ok := tx.get(key, valueUnused)
	return item.Type, ok
}

// Field returns the value of a field of a key that has fields. The value is lent until the evaluation ends.
func (tx *Tx) Field(key, field []byte) (value []byte, ok bool) {
	tx.viewFields(key, func(v *fieldsView) {
		if c, changed := v.change(field); changed {
			value, ok = c.value, !c.deleted
			return
		}
		if value, ok = v.stored.Get(field); ok {
			value = tx.take(store.Item{Value: value}, valueLent)
		}
	})
	return value, ok
}

// FieldCount is the number of fields of a key.
func (tx *Tx) FieldCount(key []byte) (n int) {
	tx.viewFields(key, func(v *fieldsView) { n = v.len() })
	return n
}

// EachField gives the fields of a key until yield returns false; they are lent until it returns, and it must not use the transaction.
func (tx *Tx) EachField(key []byte, yield func(field, value []byte) bool) {
	tx.viewFields(key, func(v *fieldsView) { v.each(yield) })
}

// ScanFields gives the fields of one step of a scan and returns the cursor of the next step, as store.Fields.Scan does.
func (tx *Tx) ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) (next uint64) {
	tx.viewFields(key, func(v *fieldsView) { next = v.scan(cursor, yield) })
	return next
}

// RandomField appends a field chosen at random to name and its value to value; ok is false where the key has none.
func (tx *Tx) RandomField(key []byte, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	tx.viewFields(key, func(v *fieldsView) { name, value, ok = appendRandom(v, random, name, value) })
	return name, value, ok
}

// Whole is Get with the value whole: fields in their packed form.
func (tx *Tx) Whole(key []byte) (store.Item, bool) {
	item, ok := tx.Get(key)
	if ok && item.Type.HasFields() {
		tx.viewFields(key, func(v *fieldsView) { item.Value = v.pack() })
	}
	return item, ok
}

func (v *fieldsView) pack() []byte {
	packed := entry.AppendPackedLen(nil, v.len())
	v.each(func(field, value []byte) bool {
		packed = entry.AppendPacked(packed, field, value)
		return true
	})
	return packed
}

func appendRandom(v *fieldsView, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	field, val, ok := v.random(random)
	return append(name, field...), append(value, val...), ok
}

// viewFields calls look with the fields of a key as they are now, under the slot's lock.
func (tx *Tx) viewFields(key []byte, look func(*fieldsView)) {
	var v fieldsView
	if w := tx.work(key); w != nil {
		v.over(&w.fieldChanges)
	} else if tx.rewrote(key) {
		return
	}
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	if !v.sealed() {
		if tx.saw = later(tx.saw, v.beneath(&tx.e.overlay.slots[tx.slot], sl, key)); v.none() {
			return
		}
	}
	look(&v)
}

// none tells that there is no key to look at.
func (v *fieldsView) none() bool { return v.n == 0 && v.stored.Len() == 0 }

// beneath adds what overlay and store have of a key's fields, and returns the batch of the pending changes.
func (v *fieldsView) beneath(over *slotOverlay, sl *store.Slot, key []byte) (saw BatchID) {
	if over != nil {
		if p, found := over.look(key); found {
			saw = p.batch
			if p.fields == nil {
				return saw
			}
			v.over(&p.fields.fieldChanges)
			if v.sealed() {
				return saw
			}
		}
	}
	v.stored, _ = sl.FieldsLocked(key)
	return saw
}

// rewrote tells whether the request has written the key whole, or deleted it: nothing beneath counts.
func (tx *Tx) rewrote(key []byte) bool {
	for i := len(tx.writes) - 1; i >= 0; i-- {
		w := &tx.writes[i]
		if w.drop != nil && contains(w.drop, tx.slot) || w.drop == nil && string(w.effect.Key) == string(key) {
			return true
		}
	}
	return false
}

// work is what the request has done to the fields of a key so far, nil for nothing.
func (tx *Tx) work(key []byte) *fieldWork {
	if len(tx.works) == 0 {
		return nil
	}
	return tx.works[string(key)]
}

// workOn is work for a key whose fields are about to be changed. One that does not exist it makes, of this type.
func (tx *Tx) workOn(key []byte, typ entry.Type) *fieldWork {
	if w := tx.work(key); w != nil {
		return w
	}
	w := &fieldWork{key: tx.e.builder.Copy(key)}
	item, ok := tx.get(key, valueUnused)
	if ok {
		w.item = item
		tx.viewFields(key, func(v *fieldsView) { w.count = v.len() })
		w.bytes = tx.heldBytes(key)
	} else {
		w.item, w.alone, w.bytes = store.Item{Type: typ}, true, itemBytes(key, store.Item{Type: typ})
	}
	tx.keepWork(w)
	return w
}

func (tx *Tx) keepWork(w *fieldWork) {
	if tx.works == nil {
		tx.works = map[string]*fieldWork{}
	}
	tx.works[string(w.key)] = w
}

// heldBytes is what a key takes before the request.
func (tx *Tx) heldBytes(key []byte) int64 {
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	if p, found := tx.e.overlay.slots[tx.slot].look(key); found {
		return p.bytes(key)
	}
	n, _ := sl.MemoryLocked(key)
	return int64(n)
}

// SetField gives a field of a key a value and tells whether the field is new. A key that does not exist is made, of this type.
func (tx *Tx) SetField(key []byte, typ entry.Type, field, value []byte) (fresh bool) {
	old, existed := tx.Field(key, field)
	w := tx.workOn(key, typ)
	w.item.Version = tx.fieldVersion(w)
	field, value = tx.e.builder.Copy(field), tx.e.builder.Copy(value)
	w.bytes += int64(store.FieldBytes(field, value, w.count))
	if existed {
		w.bytes -= int64(store.FieldBytes(field, old, w.count))
	} else {
		w.count++
	}
	w.set(string(field), fieldChange{value: value})
	tx.writes = append(tx.writes, write{fields: w, effect: entry.Effect{Kind: entry.EffectSetField, Type: w.item.Type, Key: w.key, Field: field, Value: value, Version: w.item.Version}})
	return !existed
}

// DeleteField takes a field out of a key and tells whether it was there. The last one takes the key with it.
func (tx *Tx) DeleteField(key, field []byte) bool {
	old, existed := tx.Field(key, field)
	if !existed {
		return false
	}
	w := tx.workOn(key, 0)
	if w.count == 1 {
		tx.delete(key, entry.ReasonDelete)
		return true
	}
	w.item.Version = tx.fieldVersion(w)
	field = tx.e.builder.Copy(field)
	w.bytes -= int64(store.FieldBytes(field, old, w.count))
	w.count--
	w.set(string(field), fieldChange{deleted: true})
	tx.writes = append(tx.writes, write{fields: w, effect: entry.Effect{Kind: entry.EffectDelField, Type: w.item.Type, Key: w.key, Field: field, Version: w.item.Version}})
	return true
}

// setWhole notes that the request has given a key fields, packed, in the place of all that it held.
func (tx *Tx) setWhole(w *write) {
	work := &fieldWork{key: w.effect.Key, item: w.item, head: true}
	work.alone, work.bytes = true, itemBytes(w.effect.Key, w.item)
	work.item.Value = nil
	for e := range entry.Packed(w.item.Value).Entries() {
		work.set(string(e.Name), fieldChange{value: e.Value})
	}
	work.count = len(work.names)
	w.fields = work
	tx.keepWork(work)
}

// fieldVersion is the version of a change of a key's fields: one for all that the request does to them in a row.
func (tx *Tx) fieldVersion(w *fieldWork) uint64 {
	if n := len(tx.writes); n > 0 && tx.writes[n-1].fields == w && tx.writes[n-1].effect.OnField() {
		return w.item.Version
	}
	return tx.nextVersion()
}
