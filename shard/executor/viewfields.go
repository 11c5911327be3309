package executor

import (
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Kind is Get for what depends on the type of a key alone: it does not wait for pending changes of fields.
func (v *View) Kind(key []byte) (entry.Type, bool) {
	if v.over != nil {
		if p, found := v.over.look(key); found && p.fields != nil {
			v.saw = later(v.saw, p.fields.head)
			item, ok := v.live(key, p.item, true)
			return item.Type, ok
		}
	}
	item, ok := v.Get(key)
	return item.Type, ok
}

// Field returns the value of a field of a key that has fields, lent for as long as the view is valid.
func (v *View) Field(key, field []byte) ([]byte, bool) {
	if v.over != nil {
		if p, found := v.over.look(key); found && p.fields == nil {
			v.saw = later(v.saw, p.batch)
			return nil, false
		} else if found {
			if c, changed := p.fields.changed[string(field)]; changed {
				v.saw = later(v.saw, c.batch)
				return c.value, !c.deleted
			}
			if p.fields.alone {
				v.saw = later(v.saw, p.fields.made)
				return nil, false
			}
		}
	}
	fields, ok := v.slot.FieldsLocked(key)
	if !ok {
		return nil, false
	}
	return fields.Get(field)
}

// FieldCount is the number of fields of a key.
func (v *View) FieldCount(key []byte) int {
	fields := v.fields(key)
	return fields.len()
}

// EachField gives the fields of a key until yield returns false, lent for as long as the view is valid.
func (v *View) EachField(key []byte, yield func(field, value []byte) bool) {
	fields := v.fields(key)
	fields.each(yield)
}

// ScanFields gives the fields of one step of a scan and returns the cursor of the next step, as store.Fields.Scan does.
func (v *View) ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) (next uint64) {
	fields := v.fields(key)
	return fields.scan(cursor, yield)
}

// RandomField appends a field chosen at random to name and its value to value; ok is false where the key has none.
func (v *View) RandomField(key []byte, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	fields := v.fields(key)
	return appendRandom(&fields, random, name, value)
}

// Whole is Get with the value whole: fields in their packed form.
func (v *View) Whole(key []byte) (store.Item, bool) {
	item, ok := v.Get(key)
	if ok && item.Type.HasFields() {
		fields := v.fields(key)
		item.Value = fields.pack()
	}
	return item, ok
}

func (v *View) fields(key []byte) (fields fieldsView) {
	v.saw = later(v.saw, fields.beneath(v.over, v.slot, key))
	return fields
}
