package grpcserver

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// setOp gives a key a value.
type setOp struct {
	name, value []byte
	options     ops.SetOptions
	previous    bool // the reply carries what the key held

	result ops.SetResult
	held   *cachev1.Item
	at     uint64
}

var (
	_ operation    = (*setOp)(nil)
	_ returnsValue = (*setOp)(nil)
)

// noVersion is a version that no key ever has, as if_version 0 demands: ops compares 0 with a key that does not exist.
const noVersion = math.MaxUint64

func (s *Server) parseSet(r *cachev1.SetRequest) (*setOp, error) {
	o := &setOp{name: r.GetKey(), value: r.GetValue(), previous: r.GetReturnPrevious()}
	if err := s.checkKey(o.name); err != nil {
		return nil, err
	}
	if err := s.limits.Data.CheckValue(o.value); err != nil {
		return nil, err
	}
	switch p := r.GetPrecondition().(type) {
	case *cachev1.SetRequest_IfVersion:
		o.options.If, o.options.Version = ops.SetIfVersion, version(p.IfVersion)
	case *cachev1.SetRequest_Condition:
		switch p.Condition {
		case cachev1.KeyCondition_KEY_CONDITION_UNSPECIFIED:
		case cachev1.KeyCondition_KEY_CONDITION_ABSENT:
			o.options.If = ops.SetIfMissing
		case cachev1.KeyCondition_KEY_CONDITION_PRESENT:
			o.options.If = ops.SetIfExists
		default:
			return nil, invalid("condition: %d is not known to this server", p.Condition)
		}
	}
	switch e := r.GetExpiry().(type) {
	case *cachev1.SetRequest_TtlMs:
		if e.TtlMs < 1 {
			return nil, invalid("ttl_ms: must be 1 or more, not %d", e.TtlMs)
		}
		o.options.Expiry = ops.In(e.TtlMs)
	case *cachev1.SetRequest_ExpireAtMs:
		if e.ExpireAtMs < 1 {
			return nil, invalid("expire_at_ms: must be 1 or more, not %d", e.ExpireAtMs)
		}
		o.options.Expiry = ops.At(e.ExpireAtMs)
	case *cachev1.SetRequest_KeepTtl:
		if e.KeepTtl {
			o.options.Expiry = ops.Keep()
		}
	}
	return o, nil
}

// version is what ops compares an if_version with.
func version(ifVersion uint64) uint64 {
	if ifVersion == 0 {
		return noVersion
	}
	return ifVersion
}

func (o *setOp) key() []byte        { return o.name }
func (o *setOp) version() uint64    { return o.at }
func (o *setOp) returnsValue() bool { return o.previous }

func (o *setOp) evaluate(_ ops.Reader, tx ops.Tx) (err error) {
	o.result, o.held, o.at = ops.SetResult{}, nil, 0
	if tx == nil {
		return errNoTx
	}
	if o.previous {
		if o.held, _, err = read(tx, o.name); err != nil {
			return err
		}
	}
	if o.result, err = ops.Set(tx, o.name, o.value, o.options); err != nil {
		return err
	}
	o.at = versionOf(tx, o.name)
	return nil
}

func (o *setOp) reply(h *cachev1.ReplyHeader) any {
	return &cachev1.SetResponse{Header: h, Applied: o.result.Applied, Previous: o.held}
}
