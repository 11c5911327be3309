package grpcserver

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// requestIDBytes is the length of an id: who asks, and the how manieth request it is.
const requestIDBytes = 16

// name takes the request's id from the options.
func (c *call) name(options *cachev1.CallOptions) error {
	id, until := options.GetRequestId(), options.GetRequestIdUntilMs()
	switch {
	case len(id) == 0 && until == 0:
		return nil
	case len(id) != requestIDBytes:
		return invalid("request_id: must have %d bytes, not %d", requestIDBytes, len(id))
	case until < 1:
		return invalid("request_id_until_ms: must be set where request_id is, to 1 or more")
	}
	c.id = router.RequestID{Client: binary.BigEndian.Uint64(id), Sequence: binary.BigEndian.Uint64(id[8:])}
	c.until = until
	return nil
}

// result is the answer of an operation that was evaluated, as it is remembered beside the data: a PipelineReply without an id.
// Who finds it again finds the operation applied by a majority.
func (c *call) result(shard slot.ShardID, failed error) []byte {
	var response any
	if failed != nil {
		failed = c.fail(failed, shard, router.Node{})
	} else {
		response = c.answer(shard, router.AckMajority)
	}
	bytes, err := proto.Marshal(pipelineReply(0, response, failed))
	if err != nil {
		panic(fmt.Sprintf("the answer to a %T can't be encoded: %v", c.request, err)) // the executor refuses the request
	}
	return bytes
}

// remembered is the answer that an earlier attempt has left.
func remembered(result []byte) (any, error) {
	var reply cachev1.PipelineReply
	if err := proto.Unmarshal(result, &reply); err != nil {
		return nil, apierr.New(apierr.KindInternal, "the answer that was remembered can't be read; the write is applied: %w", err)
	}
	switch r := reply.GetReply().(type) {
	case *cachev1.PipelineReply_Set:
		return r.Set, nil
	case *cachev1.PipelineReply_Delete:
		return r.Delete, nil
	case *cachev1.PipelineReply_Expire:
		return r.Expire, nil
	case *cachev1.PipelineReply_Increment:
		return r.Increment, nil
	case *cachev1.PipelineReply_Batch:
		return r.Batch, nil
	case *cachev1.PipelineReply_Error:
		return nil, asError(r.Error)
	}
	return nil, errResponse
}

// asError is the failure that a message carries.
func asError(e *cachev1.CallError) error {
	st := status.New(codes.Code(e.GetCode()), e.GetMessage())
	if detailed, err := st.WithDetails(e.GetDetail()); err == nil {
		st = detailed
	}
	return st.Err()
}
