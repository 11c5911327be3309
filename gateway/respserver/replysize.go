package respserver

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/store"
)

// valueOverheadBytes is about what a reply takes beside its text.
const valueOverheadBytes = 64

// sizeOf is about how much memory a reply takes.
func sizeOf(v *resp.Value) int64 {
	n := int64(len(v.Str)) + valueOverheadBytes
	for i := range v.Elems {
		n += sizeOf(&v.Elems[i])
	}
	return n
}

// charge counts a reply against what the round may hold. What does not fit becomes an error.
func (c *conn) charge(v *resp.Value) {
	if c.budget.Add(-sizeOf(v)) < 0 && !v.IsError() {
		*v = tooLarge(c.server.limits.OutputBufferBytesMax)
	}
	if !v.IsError() && !c.accountReply(sizeOf(v)) {
		*v = errorReply(errClientsFull)
	}
}

var errClientsFull = apierr.New(apierr.KindTooLarge, "replies of all clients exceed the limit of their memory (maxmemory-clients); the command was run, ask for less at a time")

func tooLarge(limitBytes int) resp.Value {
	return errorReply(apierr.New(apierr.KindTooLarge, "replies exceed the output buffer limit of %d bytes; the command was run, ask for less at a time", limitBytes))
}

// limitedReader stops showing values once they are too many to be sent.
type limitedReader struct {
	ops.Reader
	left int
}

func (r *limitedReader) Get(key []byte) (store.Item, bool) {
	if r.left < 0 {
		return store.Item{}, false
	}
	item, ok := r.Reader.Get(key)
	if r.left -= len(item.Value); r.left < 0 {
		return store.Item{}, false
	}
	return item, ok
}

func (r *limitedReader) Field(key, field []byte) ([]byte, bool) {
	if r.left < 0 {
		return nil, false
	}
	value, ok := r.Reader.Field(key, field)
	return value, ok && r.take(value)
}

func (r *limitedReader) EachField(key []byte, yield func(field, value []byte) bool) {
	r.Reader.EachField(key, func(field, value []byte) bool { return r.take(field, value) && yield(field, value) })
}

func (r *limitedReader) ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) (next uint64) {
	next = r.Reader.ScanFields(key, cursor, func(field, value []byte) {
		if r.take(field, value) {
			yield(field, value)
		}
	})
	if r.left < 0 {
		return 0
	}
	return next
}

func (r *limitedReader) RandomField(key []byte, random func() uint64, name, value []byte) (_, _ []byte, ok bool) {
	name, value, ok = r.Reader.RandomField(key, random, name, value)
	return name, value, ok && r.take(name, value)
}

// take counts fields or their values, which may be many and short, and tells whether they may be shown.
func (r *limitedReader) take(values ...[]byte) bool {
	for _, value := range values {
		r.left -= len(value) + valueOverheadBytes
	}
	return r.left >= 0
}

// readLimited evaluates a read whose reply may be larger than its request by any factor.
func readLimited(r ops.Reader, read func(ops.Reader) resp.Value, limitBytes int) resp.Value {
	limited := &limitedReader{r, limitBytes}
	v := read(limited)
	if limited.left < 0 {
		return tooLarge(limitBytes)
	}
	return v
}
