package grpcserver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// The clients of this file have no deadline of their own beyond the one that the server is told, because a client
// library that gives up first never sees the answer: the server is called directly.

// heldTime is the deadline of a call that is not answered before it. A write is proposed by then, also on a busy machine.
const heldTime = time.Second

func TestProposedWriteIsUnknownAtItsDeadline(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("warm"), "up")))
	release := n.replica().hold(t)
	_, err := n.server.serve(within(t, heldTime), set([]byte("k"), "v"))
	if d := expect(t, err, codes.Unknown, "unknown-outcome", unknown); d.Retry != cachev1.RetryAdvice_RETRY_ADVICE_READ_FIRST || d.ShardId != 1 {
		t.Errorf("detail: %v", d)
	}
	// It is unknown indeed: the write takes effect afterwards.
	release()
	eventually(t, func() bool {
		got, err := n.cache.Get(within(t, testTime), &cachev1.GetRequest{Key: []byte("k")})
		return err == nil && string(got.Item.GetValue()) == "v"
	})
}

func TestWriteThatDoesNotCommitIsUnknownBeforeClientsGiveUp(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("warm"), "up")))
	n.replica().hold(t)
	_, err := n.cache.Set(within(t, testTime), set([]byte("k"), "v"))
	expect(t, err, codes.Unknown, "unknown-outcome", unknown)
}

func TestForwardedWriteThatDoesNotCommitIsUnknown(t *testing.T) {
	nodes := start(t, 2, Limits{})
	key := keyAt(1, 2, "k")
	must[*cachev1.SetResponse](t)(nodes[0].cache.Set(within(t, testTime), set(key, "v")))
	before := nodes[0].forward.count()
	nodes[1].replica().hold(t)
	_, err := nodes[0].cache.Set(within(t, testTime), set(key, "w"))
	expect(t, err, codes.Unknown, "unknown-outcome", unknown)
	if got := nodes[0].forward.count() - before; got != 1 {
		t.Errorf("forwarded %d times", got)
	}
}

// A write behind one that does not commit is withdrawn before it was evaluated, or unknown; which of them depends on how
// far it has come. A read of a pending key is neither: it has changed nothing.
func TestReadOfAPendingKeyIsNotAppliedAtItsDeadline(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("k"), "old")))
	n.replica().hold(t)
	_, err := n.server.serve(within(t, heldTime), set([]byte("k"), "new"))
	expect(t, err, codes.Unknown, "unknown-outcome", unknown)
	_, err = n.server.serve(within(t, heldTime), &cachev1.GetRequest{Key: []byte("k")})
	expect(t, err, codes.DeadlineExceeded, "deadline", notApplied)
	stale := &cachev1.GetRequest{Key: []byte("k"), Options: &cachev1.CallOptions{ReadMode: cachev1.ReadMode_READ_MODE_STALE}}
	got := must[*cachev1.GetResponse](t)(n.cache.Get(within(t, testTime), stale))
	if string(got.Item.GetValue()) != "old" {
		t.Errorf("stale read: got %v, want what is committed", got)
	}
}

func TestExpiredDeadlineDoesNothing(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	for _, timeout := range []time.Duration{0, time.Nanosecond, -time.Hour} {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		<-ctx.Done()
		_, err := n.server.serve(ctx, set([]byte("k"), "v"))
		if d := detailOf(err); d.GetOutcome() != notApplied {
			t.Errorf("timeout %v: %v (%v)", timeout, err, d)
		}
		cancel()
	}
	if n.replica().Keys() != 0 {
		t.Error("a call without time was done")
	}
}

func TestLongDeadlinesAreClamped(t *testing.T) {
	n := start(t, 1, Limits{CallMax: 5 * time.Second})[0]
	ctx, cancel := context.WithTimeout(context.Background(), 365*24*time.Hour)
	defer cancel()
	got, err := n.adminClient.GetClusterStatus(ctx, nil)
	if err != nil || got.Epoch > 5 { // fakeAdmin answers with the seconds left
		t.Errorf("got %v, %v", got, err)
	}
	never := &call{}
	never.bound(ctx)
	if left := time.Until(never.commit); left > router.CommitMax {
		t.Errorf("a write would wait for %v", left)
	}
}

func TestAnswerLeavesBeforeItsCallerGivesUp(t *testing.T) {
	for timeout, margin := range map[time.Duration]time.Duration{time.Second: answerMax, 40 * time.Millisecond: 4 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		c := &call{}
		c.bound(ctx)
		cancel()
		deadline, _ := ctx.Deadline()
		if early := deadline.Sub(c.commit); early <= 0 || early > margin {
			t.Errorf("timeout %v: given up %v before the deadline, want more than 0 and at most %v", timeout, early, margin)
		}
	}
}

func TestReadHasChangedNothingWhateverFails(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	n.cluster.setReplica(1, &fakeReplica{
		memReplica: memReplica{id: 1},
		submit:     func([]*router.Op) error { return errors.New("on fire") },
		read:       func(context.Context, func(ops.Reader)) error { return errors.New("on fire") },
	})
	_, err := n.cache.Get(within(t, testTime), &cachev1.GetRequest{Key: []byte("k")})
	if d := expect(t, err, codes.Internal, "internal", notApplied); d.Retry != cachev1.RetryAdvice_RETRY_ADVICE_AGAIN {
		t.Errorf("detail: %v", d)
	}
	_, err = n.cache.Set(within(t, testTime), set([]byte("k"), "v"))
	expect(t, err, codes.Internal, "internal", unknown)
}

func TestPanicIsInternalWithUnknownOutcomeAndTheServerGoesOn(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	real := n.replica()
	ctx := within(t, testTime)
	n.cluster.setReplica(1, &fakeReplica{
		memReplica: memReplica{id: 1},
		submit:     func([]*router.Op) error { panic("a secret") },
		read:       func(context.Context, func(ops.Reader)) error { panic("a secret") },
	})
	for _, request := range everyRequest([]byte("k"), nil) {
		_, err := invoke(ctx, n, request)
		expect(t, err, codes.Internal, "internal", unknown)
		if st := status.Convert(err); st.Message() == "" || strings.Contains(st.Message(), "secret") {
			t.Errorf("%T: message %q", request, st.Message())
		}
	}
	_, err := n.server.ServeForward(ctx, forwardRequest(1, set([]byte("k"), "v")))
	expect(t, err, codes.Internal, "internal", unknown)
	stream, err := n.cache.Pipeline(ctx)
	if err != nil {
		t.Fatal(err)
	}
	reply := exchange(t, stream, pipelined(1, set([]byte("k"), "v")))[1]
	if codes.Code(reply.GetError().GetCode()) != codes.Internal || reply.GetError().GetDetail().GetOutcome() != unknown {
		t.Errorf("pipeline: %v", reply)
	}
	n.cluster.setReplica(1, real)
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set([]byte("k"), "v")))
}

func TestDefaultsOfTheClusterHoldWhereTheCallSaysNothing(t *testing.T) {
	n := start(t, 1, Limits{})[0]

	n.server.cfg.Defaults = func() Defaults {

		return Defaults{Ack: router.AckAsync, ReadMode: router.ReadIndex}
	}
	ctx := within(t, testTime)
	c, err := n.server.newCall(ctx, &cachev1.SetRequest{Key: []byte("k")})
	if err != nil || c.ack != router.AckAsync || c.read != router.ReadIndex {
		t.Errorf("got %+v, %v", c, err)
	}
	own := &cachev1.CallOptions{AckMode: cachev1.AckMode_ACK_MODE_MAJORITY, ReadMode: cachev1.ReadMode_READ_MODE_LEASE}
	c, err = n.server.newCall(ctx, &cachev1.SetRequest{Key: []byte("k"), Options: own})
	if err != nil || c.ack != router.AckMajority || c.read != router.ReadLease {
		t.Errorf("got %+v, %v", c, err)
	}
}
