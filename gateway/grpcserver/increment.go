package grpcserver

import (
	"math"
	"math/big"
	"strconv"

	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// incrementOp adds to the number that a key holds.
type incrementOp struct {
	name    []byte
	delta   int64
	float   *big.Float // the delta where it is set
	initial ops.Expiry // of a key that this operation creates
	ttlMs   int64      // the same in milliseconds, 0 where it is not set

	sum      int64
	floatSum float64
	at       uint64
}

var _ operation = (*incrementOp)(nil)

func (s *Server) parseIncrement(r *cachev1.IncrementRequest) (*incrementOp, error) {
	o := &incrementOp{name: r.GetKey()}
	if err := s.checkKey(o.name); err != nil {
		return nil, err
	}
	if r != nil && r.InitialTtlMs != nil {
		if o.ttlMs = *r.InitialTtlMs; o.ttlMs < 1 {
			return nil, invalid("initial_ttl_ms: must be 1 or more, not %d", o.ttlMs)
		}
		o.initial = ops.In(o.ttlMs)
	}
	switch d := r.GetDelta().(type) {
	case *cachev1.IncrementRequest_IntDelta:
		o.delta = d.IntDelta
	case *cachev1.IncrementRequest_FloatDelta:
		if math.IsNaN(d.FloatDelta) || math.IsInf(d.FloatDelta, 0) {
			return nil, invalid("float_delta: must be finite, not %v", d.FloatDelta)
		}
		// As text, so that 0.1 adds 0.1 and not the double next to it.
		var err error
		if o.float, err = ops.ParseFloat(strconv.AppendFloat(nil, d.FloatDelta, 'g', -1, 64)); err != nil {
			return nil, err
		}
	default:
		return nil, invalid("delta: set one of int_delta, float_delta")
	}
	return o, nil
}

func (o *incrementOp) key() []byte     { return o.name }
func (o *incrementOp) version() uint64 { return o.at }

func (o *incrementOp) evaluate(_ ops.Reader, tx ops.Tx) error {
	o.sum, o.floatSum, o.at = 0, 0, 0
	if tx == nil {
		return errNoTx
	}
	if o.float != nil {
		return o.addFloat(tx)
	}
	result, err := ops.Incr(tx, o.name, o.delta, o.initial)
	o.sum, o.at = result.Value, result.Version
	return err
}

// addFloat checks all that can fail before it writes.
func (o *incrementOp) addFloat(tx ops.Tx) error {
	old, exists, err := ops.Get(tx, o.name)
	if err != nil {
		return err
	}
	if exists {
		number, err := ops.ParseFloat(old.Value)
		if err != nil {
			return err
		}
		if !number.IsInf() {
			if sum, _ := new(big.Float).Add(number, o.float).Float64(); math.IsInf(sum, 0) {
				return ops.ErrNotFinite // a number for RESP, but no double
			}
		}
	} else if o.ttlMs > math.MaxInt64-tx.Now() {
		return ops.ErrExpiry
	}
	result, err := ops.IncrFloat(tx, o.name, o.float)
	if err != nil {
		return err
	}
	if !exists && o.ttlMs != 0 {
		if _, err := ops.Expire(tx, o.name, o.initial, 0); err != nil {
			return err
		}
	}
	o.floatSum, err = strconv.ParseFloat(string(result.Text), 64)
	o.at = versionOf(tx, o.name)
	return err
}

func (o *incrementOp) reply(h *cachev1.ReplyHeader) any {
	r := &cachev1.IncrementResponse{Header: h, Result: &cachev1.IncrementResponse_IntValue{IntValue: o.sum}}
	if o.float != nil {
		r.Result = &cachev1.IncrementResponse_FloatValue{FloatValue: o.floatSum}
	}
	return r
}
