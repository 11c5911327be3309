package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/tests/model"
)

// overGRPC is a client of the generated stubs.
type overGRPC struct {
	addrs   []string
	at      string // whom it asks next
	options *cachev1.CallOptions
	stale   bool
	conns   map[string]*grpc.ClientConn
	conn    string // which connection has served the last call
}

// Stubs returns a client that asks for no forwarding and goes where the error details say that the leader is.
func Stubs(addrs []string, modes Modes) Client { return newGRPC(addrs, modes, true) }

// PinnedStubs returns a client of one node, which forwards what it does not lead. In mode STALE nothing is forwarded.
func PinnedStubs(addr string, modes Modes) Client {
	return newGRPC([]string{addr}, modes, modes.Read == stale)
}

func newGRPC(addrs []string, modes Modes, noForward bool) *overGRPC {
	return &overGRPC{
		addrs: addrs, at: addrs[0], conns: map[string]*grpc.ClientConn{}, stale: modes.Read == stale,
		options: &cachev1.CallOptions{
			ReadMode:  cachev1.ReadMode(cachev1.ReadMode_value["READ_MODE_"+modes.Read]),
			AckMode:   cachev1.AckMode(cachev1.AckMode_value["ACK_MODE_"+modes.Ack]),
			NoForward: noForward,
		},
	}
}

// failedCall is the error of a call with what the contract says of it.
type failedCall struct {
	code    codes.Code
	text    string
	outcome model.Outcome
	detail  *cachev1.ErrorDetail // nil: no node has answered
}

func (f *failedCall) Error() string { return fmt.Sprintf("%v: %s", f.code, f.text) }

// explainCall finds out what an error promises. Without a node's own word a call that was given a connection may have been
// served; one that was given none was not sent.
func explainCall(err error, to *peer.Peer) error {
	if err == nil {
		return nil
	}
	st, _ := status.FromError(err)
	f := &failedCall{code: st.Code(), text: st.Message(), outcome: model.Unknown}
	for _, detail := range st.Details() {
		if d, ok := detail.(*cachev1.ErrorDetail); ok {
			f.detail = d
		}
	}
	switch {
	case f.detail != nil:
		f.outcome = outcomeIn(f.detail)
	case to.Addr == nil:
		f.outcome = model.NotApplied
	}
	return f
}

// outcomeIn is what a detail says. A write that was applied without all that was asked beyond it has no answer that could
// be judged: it is unknown.
func outcomeIn(d *cachev1.ErrorDetail) model.Outcome {
	if d.Outcome == cachev1.Outcome_OUTCOME_NOT_APPLIED {
		return model.NotApplied
	}
	return model.Unknown
}

func (f *failedCall) unexpected() bool {
	if f.detail == nil {
		return f.code != codes.Unavailable && f.code != codes.DeadlineExceeded && f.code != codes.Canceled
	}
	switch f.detail.Kind {
	case "not-leader", "not-owned", "cluster-down", "try-again", "busy", "deadline", "unknown-outcome", "loading", "shutdown", "out-of-memory":
		return false
	}
	return true
}

func (g *overGRPC) attempt(o *model.Op) error {
	switch o.Kind {
	case model.Cas, model.Append:
		return g.replace(o)
	}
	err := g.follow(func(c cachev1.CacheServiceClient, ctx context.Context, to grpc.CallOption) error {
		return g.single(c, ctx, to, o)
	})
	if g.stale {
		o.Stale, o.Conn = true, g.conn
	}
	return err
}

// single does what takes one call.
func (g *overGRPC) single(c cachev1.CacheServiceClient, ctx context.Context, to grpc.CallOption, o *model.Op) error {
	key, value := []byte(o.Key), []byte(o.Arg)
	switch o.Kind {
	case model.Get:
		r, err := c.Get(ctx, &cachev1.GetRequest{Key: key, Options: g.options}, to)
		o.Found, o.Value = held(r.GetItem())
		return err
	case model.Set:
		request := &cachev1.SetRequest{Key: key, Value: value, Options: g.options}
		if o.TTL != 0 {
			request.Expiry = &cachev1.SetRequest_TtlMs{TtlMs: o.TTL.Milliseconds()}
		}
		r, err := c.Set(ctx, request, to)
		if err == nil && !r.Applied {
			return errAnswer
		}
		return err
	case model.SetNX:
		r, err := c.Set(ctx, &cachev1.SetRequest{
			Key: key, Value: value, Precondition: &cachev1.SetRequest_Condition{Condition: cachev1.KeyCondition_KEY_CONDITION_ABSENT},
			ReturnPrevious: true, Options: g.options,
		}, to)
		o.Found, o.Value = held(r.GetPrevious())
		if err == nil && r.Applied == o.Found {
			return errAnswer
		}
		return err
	case model.Del:
		r, err := c.Delete(ctx, &cachev1.DeleteRequest{Key: key, Options: g.options}, to)
		if r.GetDeleted() {
			o.N = 1
		}
		return err
	case model.GetDel:
		r, err := c.Delete(ctx, &cachev1.DeleteRequest{Key: key, ReturnPrevious: true, Options: g.options}, to)
		o.Found, o.Value = held(r.GetPrevious())
		return err
	case model.Incr:
		delta := max(o.Delta, 1)
		r, err := c.Increment(ctx, &cachev1.IncrementRequest{Key: key, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: delta}, Options: g.options}, to)
		o.N = r.GetIntValue()
		return err
	case model.SetTwins, model.GetTwins:
		return g.twins(c, ctx, to, o)
	}
	panic("no call for " + o.Kind.String())
}

// errAnswer is for answers that say neither yes nor no.
var errAnswer = &failedCall{code: codes.Internal, text: "the reply contradicts itself", outcome: model.Unknown}

func held(item *cachev1.Item) (bool, string) { return item != nil, string(item.GetValue()) }

func (g *overGRPC) twins(c cachev1.CacheServiceClient, ctx context.Context, to grpc.CallOption, o *model.Op) error {
	batch := &cachev1.BatchRequest{Options: g.options}
	for _, key := range []string{o.Key, twin(o.Key)} {
		op := &cachev1.BatchOp{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: []byte(key)}}}
		if o.Kind == model.SetTwins {
			op.Op = &cachev1.BatchOp_Set{Set: &cachev1.SetRequest{Key: []byte(key), Value: []byte(o.Arg)}}
		}
		batch.Ops = append(batch.Ops, op)
	}
	r, err := c.Batch(ctx, batch, to)
	if err != nil {
		return err
	}
	for i, result := range r.Results {
		switch {
		case len(r.Results) != 2, result.GetError() != nil:
			return errAnswer
		case o.Kind == model.SetTwins:
		case i == 0:
			o.Found, o.Value = held(result.GetGet().GetItem())
		default:
			o.TwinFound, o.Twin = held(result.GetGet().GetItem())
		}
	}
	return nil
}

// errChanged says that somebody else was faster.
var errChanged = &failedCall{code: codes.Aborted, text: "the key was changed meanwhile", outcome: model.NotApplied, detail: &cachev1.ErrorDetail{Kind: "try-again"}}

// replace reads a key, and writes it on the condition that it still has the version read. There is no APPEND over gRPC: a
// user would do it so too.
func (g *overGRPC) replace(o *model.Op) error {
	request := &cachev1.SetRequest{Key: []byte(o.Key), Value: []byte(o.Arg), ReturnPrevious: true, Options: g.options}
	err := g.follow(func(c cachev1.CacheServiceClient, ctx context.Context, to grpc.CallOption) error {
		r, err := c.Get(ctx, &cachev1.GetRequest{Key: request.Key, Options: g.options}, to)
		if err != nil {
			return err
		}
		request.Precondition = &cachev1.SetRequest_IfVersion{IfVersion: r.Header.GetVersion()}
		if r.Item == nil {
			request.Precondition = &cachev1.SetRequest_Condition{Condition: cachev1.KeyCondition_KEY_CONDITION_ABSENT}
		}
		o.Found, o.Value = held(r.Item)
		return nil
	})
	if err != nil {
		return withheld{err}
	}
	if o.Kind == model.Append {
		request.Value = []byte(o.Value + o.Arg)
	}
	applied := false
	err = g.follow(func(c cachev1.CacheServiceClient, ctx context.Context, to grpc.CallOption) error {
		r, err := c.Set(ctx, request, to)
		if applied = r.GetApplied(); err == nil && !applied {
			o.Found, o.Value = held(r.Previous)
		}
		return err
	})
	switch {
	case o.Kind == model.Append && err == nil && !applied:
		o.Found, o.Value = false, ""
		return errChanged
	case o.Kind == model.Append:
		o.N = int64(len(request.Value))
		o.Found, o.Value = false, ""
	case applied:
		o.N = 1
	}
	return err
}

// redirects of gRPC are bounded like those of RESP. A node that cannot be reached costs one attempt.
func (g *overGRPC) follow(call func(cachev1.CacheServiceClient, context.Context, grpc.CallOption) error) error {
	var err error
	for range redirectsMax + 1 {
		err = g.once(call)
		var failed *failedCall
		if !errors.As(err, &failed) {
			return err
		}
		leader := failed.detail.GetLeaderGrpcAddr()
		if leader == "" || failed.outcome != model.NotApplied || len(g.addrs) == 1 || leader == g.at {
			g.at = g.addrs[(slices.Index(g.addrs, g.at)+1)%len(g.addrs)]
			return err
		}
		g.at = leader
	}
	return err
}

func (g *overGRPC) once(call func(cachev1.CacheServiceClient, context.Context, grpc.CallOption) error) error {
	conn := g.conns[g.at]
	if conn == nil {
		var err error
		conn, err = grpc.NewClient("passthrough:///"+g.at, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}))
		if err != nil {
			return withheld{err}
		}
		g.conns[g.at] = conn
	}
	ctx, cancel := context.WithTimeout(context.Background(), RequestTimeout)
	defer cancel()
	var to peer.Peer
	err := call(cachev1.NewCacheServiceClient(conn), ctx, grpc.Peer(&to))
	if to.Addr != nil && to.LocalAddr != nil {
		g.conn = to.LocalAddr.String() + "-" + to.Addr.String()
	}
	return explainCall(err, &to)
}

// Close ends all connections.
func (g *overGRPC) Close() error {
	var errs []error
	for _, conn := range g.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}
