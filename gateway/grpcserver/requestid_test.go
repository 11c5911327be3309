package grpcserver

import (
	"encoding/binary"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// named are the options of an attempt at a request.
func named(sequence uint64, until time.Time) *cachev1.CallOptions {
	id := binary.BigEndian.AppendUint64([]byte("client 1"), sequence)
	return &cachev1.CallOptions{RequestId: id, RequestIdUntilMs: until.UnixMilli()}
}

func soon() time.Time { return time.Now().Add(time.Minute) }

func increment(key []byte, options *cachev1.CallOptions) *cachev1.IncrementRequest {
	return &cachev1.IncrementRequest{Key: key, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 1}, Options: options}
}

// Each kind of write is asked for twice under one id, at the leader and at a node that forwards: the second attempt changes
// nothing and is answered the same.
func TestWriteWithAnIDIsAppliedOnceAndAnsweredTheSame(t *testing.T) {
	nodes := start(t, 2, Limits{})
	key := keyAt(0, 2, "k")
	sequence := uint64(0)
	ttl := &cachev1.ExpireRequest_TtlMs{TtlMs: 1 << 30}
	for name, request := range map[string]func(o *cachev1.CallOptions) any{
		"set": func(o *cachev1.CallOptions) any {
			return &cachev1.SetRequest{Key: key, Value: []byte("7"), ReturnPrevious: true, Options: o}
		},
		"increment": func(o *cachev1.CallOptions) any { return increment(key, o) },
		"delete": func(o *cachev1.CallOptions) any {
			return &cachev1.DeleteRequest{Key: key, ReturnPrevious: true, Options: o}
		},
		"expire": func(o *cachev1.CallOptions) any { return &cachev1.ExpireRequest{Key: key, Expiry: ttl, Options: o} },
		"batch": func(o *cachev1.CallOptions) any {
			return &cachev1.BatchRequest{Ops: []*cachev1.BatchOp{{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: key}}}, {Op: &cachev1.BatchOp_Increment{Increment: increment(key, nil)}}}, Options: o}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, testTime)
			must[*cachev1.SetResponse](t)(nodes[0].cache.Set(ctx, set(key, "41")))
			sequence++
			options := named(sequence, soon())
			first, err := invoke(ctx, nodes[0], request(options))
			if err != nil {
				t.Fatal(err)
			}
			version := must[*cachev1.SetResponse](t)(nodes[0].cache.Set(ctx, set(key, "changed since"))).Header.Version
			for i, n := range []*node{nodes[0], nodes[1]} {
				again, err := invoke(ctx, n, request(options))
				if err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(again.(proto.Message), first.(proto.Message)) {
					t.Errorf("node %d answered the second attempt %v, the first one was answered %v", i, again, first)
				}
			}
			if got := must[*cachev1.GetResponse](t)(nodes[0].cache.Get(ctx, &cachev1.GetRequest{Key: key})); got.Header.Version != version {
				t.Errorf("the second attempt was applied: %v, want version %d", got, version)
			}
		})
	}
}

func TestOtherIDIsAnotherRequest(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("n")
	stream := must[pipelineStream](t)(n.cache.Pipeline(ctx))
	for sequence := range uint64(2) {
		exchange(t, stream, pipelined(sequence, increment(key, named(sequence, soon()))))
		replies := exchange(t, stream, pipelined(sequence, increment(key, named(sequence, soon()))))
		if replies[sequence].GetIncrement() == nil {
			t.Errorf("request %d, second attempt: %v", sequence, replies[sequence])
		}
	}
	if got := must[*cachev1.IncrementResponse](t)(n.cache.Increment(ctx, increment(key, nil))); got.GetIntValue() != 3 {
		t.Errorf("two requests of two attempts each made %d", got.GetIntValue()-1)
	}
}

// An operation of a batch that fails leaves the others alone; its failure is a part of what is remembered.
func TestFailuresInABatchAreRemembered(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set([]byte("{a}text"), "no number")))
	batch := &cachev1.BatchRequest{Options: named(1, soon()), Ops: []*cachev1.BatchOp{
		{Op: &cachev1.BatchOp_Increment{Increment: increment([]byte("{a}text"), nil)}},
		{Op: &cachev1.BatchOp_Increment{Increment: increment([]byte("{a}n"), nil)}},
	}}
	for range 2 {
		got := must[*cachev1.BatchResponse](t)(n.cache.Batch(ctx, batch))
		if got.Results[0].GetError().GetDetail().GetKind() != "invalid" || got.Results[1].GetIncrement().GetIntValue() != 1 {
			t.Errorf("got %v", got)
		}
	}
}

// Who waits for a write that is not committed can ask again, and learns what became of it.
func TestRetryLearnsWhatBecameOfAnUnknownOutcome(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	key := []byte("n")
	must[*cachev1.IncrementResponse](t)(n.cache.Increment(within(t, testTime), increment(key, nil)))
	release := n.replica().hold(t)
	_, err := n.server.serve(within(t, heldTime), increment(key, named(1, soon())))
	expect(t, err, codes.Unknown, "unknown-outcome", unknown)
	_, err = n.server.serve(within(t, heldTime), increment(key, named(1, soon())))
	expect(t, err, codes.Unknown, "unknown-outcome", unknown)
	release()
	if got := must[*cachev1.IncrementResponse](t)(n.cache.Increment(within(t, testTime), increment(key, named(1, soon())))); got.GetIntValue() != 2 {
		t.Errorf("the third attempt was answered %v, want 2", got)
	}
}

func TestIDsThatCannotBeKeptAreRefused(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("n")
	short, endless := named(1, soon()), named(1, soon())
	short.RequestId, endless.RequestIdUntilMs = short.RequestId[1:], 0
	for what, options := range map[string]*cachev1.CallOptions{
		"15 bytes": short, "no end": endless, "an end without an id": {RequestIdUntilMs: 1}, "an end too far off": named(1, time.Now().Add(time.Hour)),
	} {
		_, err := n.cache.Increment(ctx, increment(key, options))
		t.Log(what)
		expect(t, err, codes.InvalidArgument, "invalid", notApplied)
	}
	_, err := n.cache.Increment(ctx, increment(key, named(1, time.Now().Add(-time.Second))))
	expect(t, err, codes.FailedPrecondition, "id-ended", unknown)
	if n.replica().Keys() != 0 {
		t.Error("one of them was applied")
	}
}

func TestAnswerToAWriteWithAnIDIsBounded(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("k")
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set(key, string(make([]byte, 64<<10)))))
	_, err := n.cache.Delete(ctx, &cachev1.DeleteRequest{Key: key, ReturnPrevious: true, Options: named(1, soon())})
	expect(t, err, codes.ResourceExhausted, "too-large", notApplied)
	if n.replica().Keys() != 1 {
		t.Error("the key is gone")
	}
}

func TestSlotMapTellsTheTime(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	before := time.Now().UnixMilli()
	got, err := n.topology.GetSlotMap(within(t, testTime), nil)
	if err != nil || got.NowMs < before || got.NowMs > time.Now().UnixMilli() {
		t.Errorf("got %d, %v; want the time, %d or a little later", got.GetNowMs(), err, before)
	}
	stream, err := n.topology.WatchSlotMap(within(t, testTime), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.NowMs < got.NowMs {
		t.Errorf("the watch began with %v, %v", first, err)
	}
}
