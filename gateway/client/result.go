package client

import (
	"time"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// Item is what a key holds.
type Item struct {
	Value []byte
	// Version is that of the key's last change; versions of a shard never repeat. 0 where the item is what a key held before.
	Version uint64
	// ExpireAt is when the key expires; zero: never.
	ExpireAt time.Time
}

// Result is what an operation did.
type Result struct {
	// Done tells whether a write took effect, or whether a Get found its key.
	Done bool
	// Item is what a Get found, or what the key held before where ReturnPrevious was set; nil: the key does not exist, or did not.
	Item *Item
	// Int and Float are the number that the key holds after an Increment, of the kind of what was added.
	Int   int64
	Float float64
	// Version is that of the key after the operation, 0 where it does not exist then.
	Version uint64
	// Ack says how far the write had come when it was answered.
	Ack cachev1.AckMode
	// Err is why an operation of Do or Batch failed; nil where it did what it was asked.
	Err error
}

var errReply = apierr.New(apierr.KindInternal, "the server's answer is of another kind than the call; outcome unknown, read before you retry")

// resultOf reads a reply to one operation.
func resultOf(reply *cachev1.PipelineReply) (Result, error) {
	switch r := reply.GetReply().(type) {
	case *cachev1.PipelineReply_Get:
		return got(r.Get), nil
	case *cachev1.PipelineReply_Set:
		return result(r.Set.GetHeader(), r.Set.GetApplied(), r.Set.GetPrevious()), nil
	case *cachev1.PipelineReply_Delete:
		return result(r.Delete.GetHeader(), r.Delete.GetDeleted(), r.Delete.GetPrevious()), nil
	case *cachev1.PipelineReply_Expire:
		return result(r.Expire.GetHeader(), r.Expire.GetApplied(), nil), nil
	case *cachev1.PipelineReply_Increment:
		return incremented(r.Increment), nil
	}
	return Result{}, errReply
}

// resultOfPart reads the result of one operation of a batch.
func resultOfPart(part *cachev1.BatchResult) Result {
	switch r := part.GetResult().(type) {
	case *cachev1.BatchResult_Get:
		return got(r.Get)
	case *cachev1.BatchResult_Set:
		return result(r.Set.GetHeader(), r.Set.GetApplied(), r.Set.GetPrevious())
	case *cachev1.BatchResult_Delete:
		return result(r.Delete.GetHeader(), r.Delete.GetDeleted(), r.Delete.GetPrevious())
	case *cachev1.BatchResult_Expire:
		return result(r.Expire.GetHeader(), r.Expire.GetApplied(), nil)
	case *cachev1.BatchResult_Increment:
		return incremented(r.Increment)
	case *cachev1.BatchResult_Error:
		return Result{Err: errorOf(r.Error)}
	}
	return Result{Err: errReply}
}

func result(h *cachev1.ReplyHeader, done bool, previous *cachev1.Item) Result {
	return Result{Done: done, Item: itemOf(previous, 0), Version: h.GetVersion(), Ack: h.GetAckReached()}
}

func got(r *cachev1.GetResponse) Result {
	v := r.GetHeader().GetVersion()
	return Result{Done: r.GetItem() != nil, Item: itemOf(r.GetItem(), v), Version: v, Ack: r.GetHeader().GetAckReached()}
}

func incremented(r *cachev1.IncrementResponse) Result {
	v := result(r.GetHeader(), true, nil)
	v.Int, v.Float = r.GetIntValue(), r.GetFloatValue()
	return v
}

func itemOf(item *cachev1.Item, version uint64) *Item {
	if item == nil {
		return nil
	}
	i := &Item{Value: item.GetValue(), Version: version}
	if at := item.GetExpireAtMs(); at != 0 {
		i.ExpireAt = time.UnixMilli(at)
	}
	return i
}
