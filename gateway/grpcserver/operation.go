package grpcserver

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// operation is what one request does to one key, or to keys of one slot.
type operation interface {
	// key is the key, or the first of them.
	key() []byte
	// evaluate does it and keeps the result. It may run several times, and sets the result anew each time. tx is r where
	// the operation runs on the executor, and nil where it runs as a read.
	evaluate(r ops.Reader, tx ops.Tx) error
	// version of the key after the operation, 0 where it does not exist then.
	version() uint64
	// reply is the response of the operation's kind.
	reply(h *cachev1.ReplyHeader) any
}

// returnsValue is an operation whose reply may carry a value.
type returnsValue interface{ returnsValue() bool }

// parse checks a request, one of those of CacheService, and returns its operation. It refuses unset ones as well: in
// messages that carry one of several requests, the client may have set none.
func (s *Server) parse(request any) (op operation, options *cachev1.CallOptions, err error) {
	switch r := request.(type) {
	case *cachev1.GetRequest:
		op, err = s.parseGet(r)
		return op, r.GetOptions(), err
	case *cachev1.SetRequest:
		op, err = s.parseSet(r)
		return op, r.GetOptions(), err
	case *cachev1.DeleteRequest:
		op, err = s.parseDelete(r)
		return op, r.GetOptions(), err
	case *cachev1.ExpireRequest:
		op, err = s.parseExpire(r)
		return op, r.GetOptions(), err
	case *cachev1.IncrementRequest:
		op, err = s.parseIncrement(r)
		return op, r.GetOptions(), err
	case *cachev1.BatchRequest:
		op, err = s.parseBatch(r)
		return op, r.GetOptions(), err
	}
	return nil, nil, invalid("a call without a request: set exactly one field")
}

// checkKey refuses a key over the limit, and the empty one.
func (s *Server) checkKey(key []byte) error {
	if len(key) == 0 {
		return invalid("key: must not be empty")
	}
	return s.limits.Data.CheckKey(key)
}

// read returns what a key holds as a message, nil where it does not exist, and its version.
func read(r ops.Reader, key []byte) (*cachev1.Item, uint64, error) {
	item, ok, err := ops.Get(r, key)
	if err != nil || !ok {
		return nil, 0, err
	}
	// ops.Get returns strings only.
	return &cachev1.Item{Value: item.Value, Type: cachev1.ValueType_VALUE_TYPE_STRING, ExpireAtMs: item.ExpireAt}, item.Version, nil
}

// versionOf is the version of a key as it is now, 0 where it does not exist.
func versionOf(r ops.Reader, key []byte) uint64 {
	item, ok := r.Get(key)
	if !ok {
		return 0
	}
	return item.Version
}

// errNoTx means that an operation that may write was given a read to run on.
var errNoTx = apierr.New(apierr.KindInternal, "a write was evaluated as a read; not applied, report this")
