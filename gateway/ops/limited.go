package ops

import (
	"github.com/holtcache/holt/raftfsm/store"
)

// ValueOverheadBytes is about what a value takes in a reply beside its text.
const ValueOverheadBytes = 64

// Limited stops showing values once they are too many to be sent.
type Limited struct {
	Reader
	// Left is how many bytes may be shown. It is negative once something was not.
	Left int
}

func (r *Limited) Get(key []byte) (store.Item, bool) {
	if r.Left < 0 {
		return store.Item{}, false
	}
	item, ok := r.Reader.Get(key)
	if r.Left -= len(item.Value); r.Left < 0 {
		return store.Item{}, false
	}
	return item, ok
}

func (r *Limited) Field(key, field []byte) ([]byte, bool) {
	if r.Left < 0 {
		return nil, false
	}
	value, ok := r.Reader.Field(key, field)
	return value, ok && r.take(value)
}

func (r *Limited) EachField(key []byte, yield func(field, value []byte) bool) {
	r.Reader.EachField(key, func(field, value []byte) bool { return r.take(field, value) && yield(field, value) })
}

func (r *Limited) ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) (next uint64) {
	next = r.Reader.ScanFields(key, cursor, func(field, value []byte) {
		if r.take(field, value) {
			yield(field, value)
		}
	})
	if r.Left < 0 {
		return 0
	}
	return next
}

func (r *Limited) RandomField(key []byte, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	name, value, ok = r.Reader.RandomField(key, random, name, value)
	return name, value, ok && r.take(name, value)
}

// take counts fields or their values, which may be many and short, and tells whether they may be shown.
func (r *Limited) take(values ...[]byte) bool {
	for _, value := range values {
		r.Left -= len(value) + ValueOverheadBytes
	}
	return r.Left >= 0
}
