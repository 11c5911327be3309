package grpcserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// pipelined makes a call of a pipeline out of a request.
func pipelined(id uint64, request any) *cachev1.PipelineCall {
	c := &cachev1.PipelineCall{Id: id}
	switch r := request.(type) {
	case *cachev1.GetRequest:
		c.Call = &cachev1.PipelineCall_Get{Get: r}
	case *cachev1.SetRequest:
		c.Call = &cachev1.PipelineCall_Set{Set: r}
	case *cachev1.DeleteRequest:
		c.Call = &cachev1.PipelineCall_Delete{Delete: r}
	case *cachev1.ExpireRequest:
		c.Call = &cachev1.PipelineCall_Expire{Expire: r}
	case *cachev1.IncrementRequest:
		c.Call = &cachev1.PipelineCall_Increment{Increment: r}
	case *cachev1.BatchRequest:
		c.Call = &cachev1.PipelineCall_Batch{Batch: r}
	}
	return c
}

type pipelineStream = cachev1.CacheService_PipelineClient

// exchange sends calls in one message and receives as many replies, by id.
func exchange(t *testing.T, stream pipelineStream, calls ...*cachev1.PipelineCall) map[uint64]*cachev1.PipelineReply {
	t.Helper()
	if err := stream.Send(&cachev1.PipelineRequest{Calls: calls}); err != nil {
		t.Fatal(err)
	}
	return collect(t, stream, len(calls))
}

func collect(t *testing.T, stream pipelineStream, count int) map[uint64]*cachev1.PipelineReply {
	t.Helper()
	replies := map[uint64]*cachev1.PipelineReply{}
	for len(replies) < count {
		r, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d of %d replies: %v", len(replies), count, err)
		}
		for _, reply := range r.Replies {
			if replies[reply.Id] != nil {
				t.Fatalf("call %d was answered twice", reply.Id)
			}
			replies[reply.Id] = reply
		}
	}
	return replies
}

func openPipeline(t *testing.T, ctx context.Context, n *node) pipelineStream {
	t.Helper()
	stream, err := n.cache.Pipeline(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestPipelineAnswersEachCallOnce(t *testing.T) {
	nodes := start(t, 2, Limits{PipelineCalls: 16})
	stream := openPipeline(t, within(t, testTime), nodes[0])
	const calls = 500
	sent := make(chan error, 1)
	go func() {
		for id := uint64(1); id <= calls; id += 10 {
			var message []*cachev1.PipelineCall
			for i := range uint64(10) {
				// Every other call belongs to the other node.
				message = append(message, pipelined(id+i, set(keyAt(int(i%2), 2, fmt.Sprint(id+i)), "v")))
			}
			if err := stream.Send(&cachev1.PipelineRequest{Calls: message}); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	for id, reply := range collect(t, stream, calls) {
		if !reply.GetSet().GetApplied() {
			t.Errorf("call %d: %v", id, reply)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("after the last reply: %v, want EOF", err)
	}
}

func TestPipelineCarriesEveryKindOfCall(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	stream := openPipeline(t, within(t, testTime), n)
	for i, request := range everyRequest([]byte("k"), nil) { // one after another: they build on each other
		id := uint64(i + 1)
		reply := exchange(t, stream, pipelined(id, request))[id]
		if reply.GetError() != nil || reply.GetReply() == nil {
			t.Errorf("%T: %v", request, reply)
		}
	}
}

func TestFailedCallOfAPipelineLeavesTheOthersAlone(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	stream := openPipeline(t, within(t, testTime), n)
	replies := exchange(t, stream,
		pipelined(1, set([]byte("a"), "v")),
		pipelined(2, set(nil, "v")),
		&cachev1.PipelineCall{Id: 3},
		pipelined(4, &cachev1.SetRequest{Key: []byte("b"), Options: &cachev1.CallOptions{RequestId: []byte("x")}}),
		pipelined(5, set([]byte("c"), "v")))
	for id, failed := range map[uint64]bool{1: false, 2: true, 3: true, 4: true, 5: false} {
		e := replies[id].GetError()
		if (e != nil) != failed || failed && (codes.Code(e.Code) != codes.InvalidArgument || e.Detail.GetOutcome() != notApplied || e.Message == "") {
			t.Errorf("call %d: %v", id, replies[id])
		}
	}
}

// The shard of one call has no leader: the others are answered while it is held.
func TestSlowCallOfAPipelineHoldsNoOtherBack(t *testing.T) {
	nodes := start(t, 2, Limits{})
	must[*cachev1.SetResponse](t)(nodes[1].cache.Set(within(t, testTime), set(keyAt(1, 2, "warm"), "up")))
	release := nodes[1].replica().hold(t)
	stream := openPipeline(t, within(t, testTime), nodes[0])
	slow := pipelined(1, set(keyAt(1, 2, "k"), "v"))
	if err := stream.Send(&cachev1.PipelineRequest{Calls: []*cachev1.PipelineCall{slow}}); err != nil {
		t.Fatal(err)
	}
	for id := uint64(2); id < 20; id++ {
		if got := exchange(t, stream, pipelined(id, set(keyAt(0, 2, "k"), "v"))); got[id].GetSet() == nil {
			t.Errorf("call %d: %v", id, got)
		}
	}
	release()
	if got := collect(t, stream, 1); !got[1].GetSet().GetApplied() {
		t.Errorf("the slow call: %v", got)
	}
}

// Nobody receives: the server stops reading, so the sender comes to a halt, and goes on once somebody receives.
func TestPipelineReadsOnlyAsMuchAsMayBeInFlight(t *testing.T) {
	n := start(t, 1, Limits{PipelineCalls: 4, PipelineBytes: 1 << 20})[0]
	value := string(bytes.Repeat([]byte("v"), 64<<10))
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("k"), value)))
	stream := openPipeline(t, within(t, testTime), n)
	const calls = 2000
	sent := make(chan error, 1)
	go func() {
		for id := uint64(1); id <= calls; id++ {
			if err := stream.Send(&cachev1.PipelineRequest{Calls: []*cachev1.PipelineCall{pipelined(id, &cachev1.GetRequest{Key: []byte("k"), Options: &cachev1.CallOptions{ReadMode: cachev1.ReadMode_READ_MODE_STALE}})}}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for id, reply := range collect(t, stream, calls) {
		if len(reply.GetGet().GetItem().GetValue()) != len(value) {
			t.Fatalf("call %d: %v", id, reply.GetError())
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestGateHoldsItsLimits(t *testing.T) {
	g := newGate(Limits{PipelineCalls: 2, PipelineBytes: 10})
	ctx, cancel := context.WithCancel(context.Background())
	if !g.tryEnter(100) {
		t.Fatal("a call over the limit was not let in although it is alone")
	}
	if g.tryEnter(1) {
		t.Fatal("a second call was let in beside it")
	}
	g.swap(100, 4)
	if !g.tryEnter(6) || g.tryEnter(0) {
		t.Fatal("want room for one more call of 6 bytes and no third one")
	}
	entered := make(chan error, 1)
	go func() { entered <- g.enter(ctx, 4) }()
	g.leave(1, 4)
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	go func() { entered <- g.enter(ctx, 1) }()
	cancel()
	if err := <-entered; err == nil {
		t.Fatal("let in beyond the limit")
	}
}

func TestMessageWithoutCallsEndsThePipelineAfterItsReplies(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	stream := openPipeline(t, within(t, testTime), n)
	for _, calls := range [][]*cachev1.PipelineCall{{pipelined(1, set([]byte("k"), "v"))}, nil} {
		if err := stream.Send(&cachev1.PipelineRequest{Calls: calls}); err != nil {
			t.Fatal(err)
		}
	}
	if got := collect(t, stream, 1); !got[1].GetSet().GetApplied() {
		t.Errorf("got %v", got)
	}
	_, err := stream.Recv()
	expect(t, err, codes.InvalidArgument, "invalid", notApplied)
}

// goleak and the server's Stop, which waits for handlers, check that nothing stays behind.
func TestCancelledPipelinesLeaveNothingBehind(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("warm"), "up")))
	n.replica().hold(t)
	for i := range 20 {
		ctx, cancel := context.WithCancel(within(t, testTime))
		stream := openPipeline(t, ctx, n)
		var calls []*cachev1.PipelineCall
		for id := range uint64(50) {
			calls = append(calls, pipelined(id, set(fmt.Appendf(nil, "%d-%d", i, id), "v")), pipelined(100+id, &cachev1.GetRequest{Key: []byte("k")}))
		}
		if err := stream.Send(&cachev1.PipelineRequest{Calls: calls}); err != nil {
			t.Fatal(err)
		}
		cancel()
		for {
			if _, err := stream.Recv(); err != nil {
				if status.Code(err) != codes.Canceled {
					t.Errorf("got %v", err)
				}
				break
			}
		}
	}
}

func TestCancelledCallsLeaveNothingBehind(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	for range 500 {
		ctx, cancel := context.WithCancel(within(t, testTime))
		done := make(chan struct{})
		go func() { defer close(done); _, _ = n.cache.Set(ctx, set([]byte("k"), "v")) }()
		cancel()
		<-done
	}
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("k"), "v")))
}
