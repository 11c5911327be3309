package grpcserver

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// batchOp does several operations on keys of one slot as one.
type batchOp struct {
	ops []operation
	// valueBytesMax bounds the values in the reply together.
	valueBytesMax int
	reads         bool // every operation is a get

	errs []error // of each operation, nil where it did what it was asked
}

var _ operation = (*batchOp)(nil)

func (s *Server) parseBatch(r *cachev1.BatchRequest) (*batchOp, error) {
	requests := r.GetOps()
	if len(requests) == 0 {
		return nil, invalid("ops: a batch needs at least one operation")
	}
	if len(requests) > s.limits.BatchOps {
		return nil, apierr.New(apierr.KindTooLarge, "ops: a batch of %d operations is over the limit (BatchOps %d); not applied, send several", len(requests), s.limits.BatchOps)
	}
	b := &batchOp{valueBytesMax: s.limits.MessageBytes, reads: true, errs: make([]error, len(requests))}
	for i, request := range requests {
		op, options, err := s.parse(batchRequest(request))
		if err != nil {
			return nil, apierr.New(apierr.KindOf(err), "ops[%d]: %w", i, err)
		}
		if options != nil {
			return nil, invalid("ops[%d]: options must be those of the batch", i)
		}
		b.ops = append(b.ops, op)
		if first := slot.Of(b.key()); slot.Of(op.key()) != first {
			return nil, apierr.New(apierr.KindCrossSlot, "ops[%d]: slot %d, but the batch began in slot %d; not applied, give the keys one hash tag", i, slot.Of(op.key()), first)
		}
		if _, get := op.(*getOp); !get {
			b.reads = false
		}
	}
	return b, nil
}

func (b *batchOp) key() []byte { return b.ops[0].key() }

// version is the highest of the results.
func (b *batchOp) version() uint64 {
	var highest uint64
	for i, op := range b.ops {
		if b.errs[i] == nil {
			highest = max(highest, op.version())
		}
	}
	return highest
}

func (b *batchOp) evaluate(r ops.Reader, tx ops.Tx) error {
	left := b.valueBytesMax
	for i, op := range b.ops {
		if v, ok := op.(returnsValue); ok && v.returnsValue() {
			item, _ := r.Get(op.key())
			if len(item.Value) > left {
				b.errs[i] = apierr.New(apierr.KindTooLarge, "ops[%d]: the values of the reply together are over the limit (MessageBytes %d); not applied, ask in another batch", i, b.valueBytesMax)
				continue
			}
			left -= len(item.Value)
		}
		b.errs[i] = op.evaluate(r, tx)
	}
	return nil
}

func (b *batchOp) reply(h *cachev1.ReplyHeader) any {
	results := make([]*cachev1.BatchResult, len(b.ops))
	for i, op := range b.ops {
		if err := b.errs[i]; err != nil {
			f := &failure{err: apierr.Of(err), slot: slot.Of(op.key()), hasSlot: true, shard: slot.ShardID(h.GetShardId())}
			results[i] = &cachev1.BatchResult{Result: &cachev1.BatchResult_Error{Error: callError(f)}}
			continue
		}
		results[i] = batchResult(op.reply(&cachev1.ReplyHeader{Version: op.version()}))
	}
	return &cachev1.BatchResponse{Header: h, Results: results}
}
