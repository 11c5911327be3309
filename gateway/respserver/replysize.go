package respserver

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// sizeOf is about how much memory a reply takes.
func sizeOf(v *resp.Value) int64 {
	n := int64(len(v.Str)) + ops.ValueOverheadBytes
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

// readLimited evaluates a read whose reply may be larger than its request by any factor.
func readLimited(r ops.Reader, read func(ops.Reader) resp.Value, limitBytes int) resp.Value {
	limited := &ops.Limited{Reader: r, Left: limitBytes}
	v := read(limited)
	if limited.Left < 0 {
		return tooLarge(limitBytes)
	}
	return v
}
