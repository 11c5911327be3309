package executor

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// fieldChanges are changes of the fields of one key over what lies beneath them: the overlay's over the store, a request's own over
// the overlay. So a change of one field costs the same however many there are.
type fieldChanges struct {
	// alone tells that nothing beneath counts: the key was made anew.
	alone   bool
	changed map[string]fieldChange
	// count is how many fields the key has then, bytes about what it takes.
	count int
	bytes int64
	// order is that of the next change.
	order int
}

// fieldChange is what becomes of one field.
type fieldChange struct {
	value   []byte
	deleted bool
	// batch is the one that makes the change, where that is known already.
	batch BatchID
	// order is that in which fields were changed: new ones come in it, behind the others.
	order int
}

func (f *fieldChanges) put(field string, c fieldChange) {
	if f.changed == nil {
		f.changed = make(map[string]fieldChange, 4)
	}
	c.order = f.order
	if old, again := f.changed[field]; again && !old.deleted {
		c.order = old.order
	}
	f.order++
	f.changed[field] = c
}

// fieldsView is the fields of one key as a reader or a request sees them: changes, the latest first, over what is stored.
type fieldsView struct {
	// changes are the first n: those of the request, those of the overlay.
	changes [2]*fieldChanges
	n       int
	stored  store.Fields
}

func (v *fieldsView) over(f *fieldChanges) {
	v.changes[v.n] = f
	v.n++
}

// sealed tells whether the changes so far hide all that lies beneath.
func (v *fieldsView) sealed() bool { return v.n > 0 && v.changes[v.n-1].alone }

// change is the latest change of a field.
func (v *fieldsView) change(field []byte) (fieldChange, bool) {
	for _, f := range v.changes[:v.n] {
		if c, ok := f.changed[string(field)]; ok {
			return c, true
		}
	}
	return fieldChange{}, false
}

func (v *fieldsView) len() int {
	if v.n > 0 {
		return v.changes[0].count
	}
	return v.stored.Len()
}

// fresh are the fields that are not among those stored, in the order in which they came.
func (v *fieldsView) fresh() []entry.PackedField {
	type added struct {
		entry.PackedField
		layer, order int
	}
	var all []added
	for layer, f := range v.changes[:v.n] {
		for field, c := range f.changed {
			name := []byte(field)
			if _, stored := v.stored.Get(name); c.deleted || stored || v.hidden(layer, field) {
				continue
			}
			all = append(all, added{entry.PackedField{Name: name, Value: c.value}, layer, c.order})
		}
	}
	slices.SortFunc(all, func(a, b added) int {
		return cmp.Or(cmp.Compare(b.layer, a.layer), cmp.Compare(a.order, b.order))
	})
	fields := make([]entry.PackedField, len(all))
	for i := range all {
		fields[i] = all[i].PackedField
	}
	return fields
}

// hidden tells whether a later layer has a change of the field.
func (v *fieldsView) hidden(layer int, field string) bool {
	for _, f := range v.changes[:layer] {
		if _, ok := f.changed[field]; ok {
			return true
		}
	}
	return false
}

// each gives all fields until yield returns false.
func (v *fieldsView) each(yield func(field, value []byte) bool) {
	if v.n == 0 {
		v.stored.Each(yield)
		return
	}
	more := true
	v.stored.Each(func(field, value []byte) bool {
		if c, changed := v.change(field); changed {
			if c.deleted {
				return true
			}
			value = c.value
		}
		more = yield(field, value)
		return more
	})
	if !more {
		return
	}
	for _, f := range v.fresh() {
		if !yield(f.Name, f.Value) {
			return
		}
	}
}

// scan is store.Fields.Scan with the changes.
func (v *fieldsView) scan(cursor uint64, yield func(field, value []byte)) (next uint64) {
	next, covers := v.stored.Scan(cursor, func(field, value []byte) {
		c, changed := v.change(field)
		switch {
		case !changed:
			yield(field, value)
		case !c.deleted:
			yield(field, c.value)
		}
	})
	if v.n == 0 {
		return next
	}
	for _, f := range v.fresh() {
		if covers.Has(f.Name) {
			yield(f.Name, f.Value)
		}
	}
	return next
}

// randomTriesMax is how many stored fields are drawn that turn out to be deleted before all are looked at.
const randomTriesMax = 64

// random returns a field chosen at random; ok is false where there is none.
func (v *fieldsView) random(random func() uint64) (field, value []byte, ok bool) {
	n := v.len()
	switch {
	case n == 0:
		return nil, nil, false
	case v.n == 0:
		field, value = v.stored.Random(random)
		return field, value, true
	}
	fresh := v.fresh()
	if at := int(random() % uint64(n)); at < len(fresh) {
		return fresh[at].Name, fresh[at].Value, true
	}
	for range randomTriesMax {
		field, value = v.stored.Random(random)
		c, changed := v.change(field)
		switch {
		case !changed:
			return field, value, true
		case !c.deleted:
			return field, c.value, true
		}
	}
	at := int(random() % uint64(n-len(fresh)))
	v.each(func(f, val []byte) bool {
		field, value = f, val
		at--
		return at >= 0
	})
	return field, value, true
}
