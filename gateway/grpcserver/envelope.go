package grpcserver

import (
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

// batchRequest takes the request out of an operation of a batch; nil where there is none.
func batchRequest(op *cachev1.BatchOp) any {
	switch r := op.GetOp().(type) {
	case *cachev1.BatchOp_Get:
		return r.Get
	case *cachev1.BatchOp_Set:
		return r.Set
	case *cachev1.BatchOp_Delete:
		return r.Delete
	case *cachev1.BatchOp_Expire:
		return r.Expire
	case *cachev1.BatchOp_Increment:
		return r.Increment
	}
	return nil
}

// batchResult wraps the response of one operation.
func batchResult(response any) *cachev1.BatchResult {
	switch r := response.(type) {
	case *cachev1.GetResponse:
		return &cachev1.BatchResult{Result: &cachev1.BatchResult_Get{Get: r}}
	case *cachev1.SetResponse:
		return &cachev1.BatchResult{Result: &cachev1.BatchResult_Set{Set: r}}
	case *cachev1.DeleteResponse:
		return &cachev1.BatchResult{Result: &cachev1.BatchResult_Delete{Delete: r}}
	case *cachev1.ExpireResponse:
		return &cachev1.BatchResult{Result: &cachev1.BatchResult_Expire{Expire: r}}
	case *cachev1.IncrementResponse:
		return &cachev1.BatchResult{Result: &cachev1.BatchResult_Increment{Increment: r}}
	}
	return &cachev1.BatchResult{Result: &cachev1.BatchResult_Error{Error: callError(errResponse)}}
}

// pipelineRequest takes the request out of a call of a pipeline; nil where there is none.
func pipelineRequest(call *cachev1.PipelineCall) any {
	switch r := call.GetCall().(type) {
	case *cachev1.PipelineCall_Get:
		return r.Get
	case *cachev1.PipelineCall_Set:
		return r.Set
	case *cachev1.PipelineCall_Delete:
		return r.Delete
	case *cachev1.PipelineCall_Expire:
		return r.Expire
	case *cachev1.PipelineCall_Increment:
		return r.Increment
	case *cachev1.PipelineCall_Batch:
		return r.Batch
	}
	return nil
}

// pipelineReply wraps the response to a call of a pipeline, or its failure.
func pipelineReply(id uint64, response any, err error) *cachev1.PipelineReply {
	reply := &cachev1.PipelineReply{Id: id}
	if err != nil {
		reply.Reply = &cachev1.PipelineReply_Error{Error: callError(err)}
		return reply
	}
	switch r := response.(type) {
	case *cachev1.GetResponse:
		reply.Reply = &cachev1.PipelineReply_Get{Get: r}
	case *cachev1.SetResponse:
		reply.Reply = &cachev1.PipelineReply_Set{Set: r}
	case *cachev1.DeleteResponse:
		reply.Reply = &cachev1.PipelineReply_Delete{Delete: r}
	case *cachev1.ExpireResponse:
		reply.Reply = &cachev1.PipelineReply_Expire{Expire: r}
	case *cachev1.IncrementResponse:
		reply.Reply = &cachev1.PipelineReply_Increment{Increment: r}
	case *cachev1.BatchResponse:
		reply.Reply = &cachev1.PipelineReply_Batch{Batch: r}
	default:
		reply.Reply = &cachev1.PipelineReply_Error{Error: callError(errResponse)}
	}
	return reply
}

// forwardRequest wraps a request for the node that leads a shard.
func forwardRequest(shard uint64, request any) *nodev1.ForwardRequest {
	f := &nodev1.ForwardRequest{ShardId: shard}
	switch r := request.(type) {
	case *cachev1.GetRequest:
		f.Call = &nodev1.ForwardRequest_Get{Get: r}
	case *cachev1.SetRequest:
		f.Call = &nodev1.ForwardRequest_Set{Set: r}
	case *cachev1.DeleteRequest:
		f.Call = &nodev1.ForwardRequest_Delete{Delete: r}
	case *cachev1.ExpireRequest:
		f.Call = &nodev1.ForwardRequest_Expire{Expire: r}
	case *cachev1.IncrementRequest:
		f.Call = &nodev1.ForwardRequest_Increment{Increment: r}
	case *cachev1.BatchRequest:
		f.Call = &nodev1.ForwardRequest_Batch{Batch: r}
	}
	return f
}

// forwardedRequest takes the request out again; nil where there is none.
func forwardedRequest(f *nodev1.ForwardRequest) any {
	switch r := f.GetCall().(type) {
	case *nodev1.ForwardRequest_Get:
		return r.Get
	case *nodev1.ForwardRequest_Set:
		return r.Set
	case *nodev1.ForwardRequest_Delete:
		return r.Delete
	case *nodev1.ForwardRequest_Expire:
		return r.Expire
	case *nodev1.ForwardRequest_Increment:
		return r.Increment
	case *nodev1.ForwardRequest_Batch:
		return r.Batch
	}
	return nil
}

// forwardResponse wraps the response to a forwarded call.
func forwardResponse(response any) *nodev1.ForwardResponse {
	switch r := response.(type) {
	case *cachev1.GetResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Get{Get: r}}
	case *cachev1.SetResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Set{Set: r}}
	case *cachev1.DeleteResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Delete{Delete: r}}
	case *cachev1.ExpireResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Expire{Expire: r}}
	case *cachev1.IncrementResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Increment{Increment: r}}
	case *cachev1.BatchResponse:
		return &nodev1.ForwardResponse{Reply: &nodev1.ForwardResponse_Batch{Batch: r}}
	}
	return &nodev1.ForwardResponse{}
}

// forwardedResponse takes the response out again; nil where there is none.
func forwardedResponse(f *nodev1.ForwardResponse) any {
	switch r := f.GetReply().(type) {
	case *nodev1.ForwardResponse_Get:
		return r.Get
	case *nodev1.ForwardResponse_Set:
		return r.Set
	case *nodev1.ForwardResponse_Delete:
		return r.Delete
	case *nodev1.ForwardResponse_Expire:
		return r.Expire
	case *nodev1.ForwardResponse_Increment:
		return r.Increment
	case *nodev1.ForwardResponse_Batch:
		return r.Batch
	}
	return nil
}
