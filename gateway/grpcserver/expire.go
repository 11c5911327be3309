package grpcserver

import (
	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// expireOp changes the expiry of a key.
type expireOp struct {
	name      []byte
	expiry    ops.Expiry
	condition ops.ExpireIf

	applied bool
	at      uint64
}

var _ operation = (*expireOp)(nil)

var expireConditions = map[cachev1.ExpireCondition]ops.ExpireIf{
	cachev1.ExpireCondition_EXPIRE_CONDITION_UNSPECIFIED: 0,
	cachev1.ExpireCondition_EXPIRE_CONDITION_NO_EXPIRY:   ops.ExpireIfNone,
	cachev1.ExpireCondition_EXPIRE_CONDITION_HAS_EXPIRY:  ops.ExpireIfSome,
	cachev1.ExpireCondition_EXPIRE_CONDITION_LATER:       ops.ExpireIfLater,
	cachev1.ExpireCondition_EXPIRE_CONDITION_EARLIER:     ops.ExpireIfEarlier,
}

func (s *Server) parseExpire(r *cachev1.ExpireRequest) (*expireOp, error) {
	o := &expireOp{name: r.GetKey()}
	if err := s.checkKey(o.name); err != nil {
		return nil, err
	}
	var known bool
	if o.condition, known = expireConditions[r.GetCondition()]; !known {
		return nil, invalid("condition: %d is not known to this server", r.GetCondition())
	}
	switch e := r.GetExpiry().(type) {
	case *cachev1.ExpireRequest_TtlMs:
		o.expiry = ops.In(e.TtlMs)
	case *cachev1.ExpireRequest_ExpireAtMs:
		o.expiry = ops.At(e.ExpireAtMs)
	case *cachev1.ExpireRequest_Persist:
		if !e.Persist {
			return nil, invalid("persist: must be true where it is set")
		}
		if o.condition != 0 {
			return nil, invalid("condition: must not go with persist")
		}
		o.expiry = ops.Never()
	default:
		return nil, invalid("expiry: set one of ttl_ms, expire_at_ms, persist")
	}
	return o, nil
}

func (o *expireOp) key() []byte     { return o.name }
func (o *expireOp) version() uint64 { return o.at }

func (o *expireOp) evaluate(_ ops.Reader, tx ops.Tx) (err error) {
	o.applied, o.at = false, 0
	if tx == nil {
		return errNoTx
	}
	if o.expiry == ops.Never() {
		o.applied = ops.Persist(tx, o.name)
	} else if o.applied, err = ops.Expire(tx, o.name, o.expiry, o.condition); err != nil {
		return err
	}
	o.at = versionOf(tx, o.name)
	return nil
}

func (o *expireOp) reply(h *cachev1.ReplyHeader) any {
	return &cachev1.ExpireResponse{Header: h, Applied: o.applied}
}
