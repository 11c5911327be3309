package client

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Get reads the value of a key; nil: the key does not exist.
func (c *Client) Get(ctx context.Context, key string) (*Item, error) {
	r, err := c.do(ctx, Get{Key: key})
	return r.Item, err
}

// Set gives a key a value. Result.Done tells whether its condition held.
func (c *Client) Set(ctx context.Context, op Set) (Result, error) { return c.do(ctx, op) }

// Delete deletes a key. Result.Done tells whether it existed, with the version that was asked for.
func (c *Client) Delete(ctx context.Context, op Delete) (Result, error) { return c.do(ctx, op) }

// Expire changes the expiry of a key. Result.Done tells whether that took effect.
func (c *Client) Expire(ctx context.Context, op Expire) (Result, error) { return c.do(ctx, op) }

// Increment adds to a number. Result.Int, or Result.Float, is the sum.
func (c *Client) Increment(ctx context.Context, op Increment) (Result, error) { return c.do(ctx, op) }

// Do does many operations that are independent of each other, on any keys, at once. They have no order among them. The results come
// in the order of the operations, each with an error of its own.
func (c *Client) Do(ctx context.Context, ops ...Op) []Result {
	results := make([]Result, len(ops))
	var calls sync.WaitGroup
	for i, op := range ops {
		calls.Go(func() {
			r, err := c.do(ctx, op)
			r.Err = err
			results[i] = r
		})
	}
	calls.Wait()
	return results
}

// Batch does operations on keys of one slot as one: nobody sees a part of it. An operation that fails, or whose condition does
// not hold, leaves the others alone: its own result says so. With an error none was done, or nothing is known.
func (c *Client) Batch(ctx context.Context, ops ...Op) ([]Result, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	parts, writes := make([]*cachev1.BatchOp, len(ops)), false
	for i, op := range ops {
		parts[i] = batchOp(op)
		writes = writes || op.writes()
	}
	reply, err := c.call(ctx, slot.Of([]byte(ops[0].key())), writes, func(o *cachev1.CallOptions) *cachev1.PipelineCall {
		return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Batch{Batch: &cachev1.BatchRequest{Ops: parts, Options: o}}}
	})
	if err != nil {
		return nil, err
	}
	answered := reply.GetBatch().GetResults()
	if len(answered) != len(ops) {
		return nil, errReply
	}
	results := make([]Result, len(ops))
	for i, part := range answered {
		results[i] = resultOfPart(part)
		results[i].Ack = reply.GetBatch().GetHeader().GetAckReached()
	}
	return results, nil
}

func (c *Client) do(ctx context.Context, op Op) (Result, error) {
	reply, err := c.call(ctx, slot.Of([]byte(op.key())), op.writes(), op.request)
	if err != nil {
		return Result{}, err
	}
	return resultOf(reply)
}

// call does a call with the view's options.
func (c *Client) call(ctx context.Context, s slot.ID, writes bool, request func(*cachev1.CallOptions) *cachev1.PipelineCall) (*cachev1.PipelineReply, error) {
	if c.ctx.Err() != nil {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, apierr.New(apierr.KindDeadline, "slot %d: %w; not applied", s, err)
	}
	options := &cachev1.CallOptions{AckMode: c.options.GetAckMode(), ReadMode: c.options.GetReadMode()}
	c.counters.calls.Add(1)
	l := c.newCall(ctx, request, options, s, writes)
	l.bytes = proto.Size(request(options))
	return l.run(ctx)
}
