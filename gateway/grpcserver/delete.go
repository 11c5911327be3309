package grpcserver

import (
	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// deleteOp deletes a key.
type deleteOp struct {
	name     []byte
	onlyAt   *uint64 // nil: whatever its version
	previous bool

	deleted bool
	held    *cachev1.Item
	at      uint64
}

var (
	_ operation    = (*deleteOp)(nil)
	_ returnsValue = (*deleteOp)(nil)
)

func (s *Server) parseDelete(r *cachev1.DeleteRequest) (*deleteOp, error) {
	o := &deleteOp{name: r.GetKey(), previous: r.GetReturnPrevious()}
	if r != nil && r.IfVersion != nil {
		v := version(*r.IfVersion)
		o.onlyAt = &v
	}
	return o, s.checkKey(o.name)
}

func (o *deleteOp) key() []byte        { return o.name }
func (o *deleteOp) version() uint64    { return o.at }
func (o *deleteOp) returnsValue() bool { return o.previous }

func (o *deleteOp) evaluate(_ ops.Reader, tx ops.Tx) (err error) {
	o.deleted, o.held, o.at = false, nil, 0
	if tx == nil {
		return errNoTx
	}
	if o.previous {
		if o.held, _, err = read(tx, o.name); err != nil {
			return err
		}
	}
	now := versionOf(tx, o.name)
	if o.onlyAt != nil && *o.onlyAt != now {
		o.at = now
		return nil
	}
	o.deleted = ops.Delete(tx, o.name) == 1
	return nil
}

func (o *deleteOp) reply(h *cachev1.ReplyHeader) any {
	return &cachev1.DeleteResponse{Header: h, Deleted: o.deleted, Previous: o.held}
}
