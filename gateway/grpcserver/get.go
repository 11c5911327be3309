package grpcserver

import (
	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// getOp reads a key.
type getOp struct {
	name []byte

	item *cachev1.Item
	at   uint64
}

var (
	_ operation    = (*getOp)(nil)
	_ returnsValue = (*getOp)(nil)
)

func (s *Server) parseGet(r *cachev1.GetRequest) (*getOp, error) {
	return &getOp{name: r.GetKey()}, s.checkKey(r.GetKey())
}

func (o *getOp) key() []byte        { return o.name }
func (o *getOp) version() uint64    { return o.at }
func (o *getOp) returnsValue() bool { return true }

func (o *getOp) evaluate(r ops.Reader, _ ops.Tx) (err error) {
	o.item, o.at, err = read(r, o.name)
	return err
}

func (o *getOp) reply(h *cachev1.ReplyHeader) any {
	return &cachev1.GetResponse{Header: h, Item: o.item}
}
