package grpcserver

import (
	"bytes"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

const testTime = 20 * time.Second

// must fails the test with the call's error.
func must[T any](t *testing.T) func(response T, err error) T {
	return func(response T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%T: %v (detail %v)", response, err, detailOf(err))
		}
		return response
	}
}

// expect compares code, kind and outcome of an error.
func expect(t *testing.T, err error, code codes.Code, kind string, outcome cachev1.Outcome) *cachev1.ErrorDetail {
	t.Helper()
	if got := status.Code(err); got != code {
		t.Fatalf("code: got %v, want %v (%v)", got, code, err)
	}
	d := detailOf(err)
	if d.GetKind() != kind || d.GetOutcome() != outcome {
		t.Fatalf("detail: got %v, want kind %s, outcome %v (%v)", d, kind, outcome, err)
	}
	return d
}

const (
	notApplied = cachev1.Outcome_OUTCOME_NOT_APPLIED
	unknown    = cachev1.Outcome_OUTCOME_UNKNOWN
)

func set(key []byte, value string) *cachev1.SetRequest {
	return &cachev1.SetRequest{Key: key, Value: []byte(value)}
}

func TestSetGetDeleteNameVersionAckAndShard(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("k")
	first := must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set(key, "one")))
	if !first.Applied || first.Header.Version == 0 || first.Header.ShardId != 1 || first.Header.AckReached != cachev1.AckMode_ACK_MODE_MAJORITY {
		t.Fatalf("set: %v", first)
	}
	got := must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key}))
	if string(got.Item.GetValue()) != "one" || got.Item.Type != cachev1.ValueType_VALUE_TYPE_STRING || got.Header.Version != first.Header.Version || got.Header.ShardId != 1 {
		t.Fatalf("get: %v, want version %d", got, first.Header.Version)
	}
	second := must[*cachev1.SetResponse](t)(n.cache.Set(ctx, &cachev1.SetRequest{Key: key, ReturnPrevious: true}))
	if string(second.Previous.GetValue()) != "one" || second.Header.Version <= first.Header.Version {
		t.Fatalf("set again: %v", second)
	}
	got = must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key}))
	if got.Item == nil || len(got.Item.Value) != 0 {
		t.Fatalf("get of an empty value: %v", got)
	}
	deleted := must[*cachev1.DeleteResponse](t)(n.cache.Delete(ctx, &cachev1.DeleteRequest{Key: key, ReturnPrevious: true}))
	if !deleted.Deleted || deleted.Previous == nil || deleted.Header.Version != 0 {
		t.Fatalf("delete: %v", deleted)
	}
	deleted = must[*cachev1.DeleteResponse](t)(n.cache.Delete(ctx, &cachev1.DeleteRequest{Key: key, ReturnPrevious: true}))
	if deleted.Deleted || deleted.Previous != nil {
		t.Fatalf("delete of what is not there: %v", deleted)
	}
	got = must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key}))
	if got.Item != nil || got.Header.Version != 0 || got.Header.AckReached != cachev1.AckMode_ACK_MODE_MAJORITY {
		t.Fatalf("get of a deleted key: %v", got)
	}
}

func TestConditionsOfSetAndDelete(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("k")
	apply := func(r *cachev1.SetRequest) (bool, uint64) {
		t.Helper()
		r.Key, r.Value = key, []byte("v")
		got := must[*cachev1.SetResponse](t)(n.cache.Set(ctx, r))
		return got.Applied, got.Header.Version
	}
	condition := func(c cachev1.KeyCondition) *cachev1.SetRequest {
		return &cachev1.SetRequest{Precondition: &cachev1.SetRequest_Condition{Condition: c}}
	}
	at := func(v uint64) *cachev1.SetRequest {
		return &cachev1.SetRequest{Precondition: &cachev1.SetRequest_IfVersion{IfVersion: v}}
	}
	absent, present := cachev1.KeyCondition_KEY_CONDITION_ABSENT, cachev1.KeyCondition_KEY_CONDITION_PRESENT
	if done, v := apply(condition(present)); done || v != 0 {
		t.Errorf("present, without key: %v, version %d", done, v)
	}
	if done, _ := apply(at(0)); done {
		t.Error("if_version 0 held without key")
	}
	done, v1 := apply(condition(absent))
	if !done || v1 == 0 {
		t.Fatalf("absent, without key: %v, version %d", done, v1)
	}
	if done, v := apply(condition(absent)); done || v != v1 {
		t.Errorf("absent, with key: %v, version %d, want %d", done, v, v1)
	}
	if done, _ := apply(at(0)); done {
		t.Error("if_version 0 held with key")
	}
	if done, v := apply(at(v1 + 1)); done || v != v1 {
		t.Errorf("other version: %v, version %d, want %d", done, v, v1)
	}
	done, v2 := apply(at(v1))
	if !done || v2 <= v1 {
		t.Errorf("same version: %v, version %d after %d", done, v2, v1)
	}
	for _, c := range []struct {
		ifVersion uint64
		want      bool
	}{{0, false}, {v1, false}, {v2, true}} {
		got := must[*cachev1.DeleteResponse](t)(n.cache.Delete(ctx, &cachev1.DeleteRequest{Key: key, IfVersion: &c.ifVersion}))
		wantVersion := v2
		if c.want {
			wantVersion = 0
		}
		if got.Deleted != c.want || got.Header.Version != wantVersion {
			t.Errorf("delete if_version %d: %v", c.ifVersion, got)
		}
	}
}

func TestExpiryIsSetKeptChangedAndTakenAway(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, key := within(t, testTime), []byte("k")
	expiry := func() int64 {
		t.Helper()
		return must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key})).Item.GetExpireAtMs()
	}
	hour := time.Now().Add(time.Hour).UnixMilli()
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, &cachev1.SetRequest{Key: key, Expiry: &cachev1.SetRequest_ExpireAtMs{ExpireAtMs: hour}}))
	if got := expiry(); got != hour {
		t.Fatalf("expire_at_ms: got %d, want %d", got, hour)
	}
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, &cachev1.SetRequest{Key: key, Expiry: &cachev1.SetRequest_KeepTtl{KeepTtl: true}}))
	if got := expiry(); got != hour {
		t.Fatalf("keep_ttl: got %d, want %d", got, hour)
	}
	expire := func(r *cachev1.ExpireRequest) bool {
		t.Helper()
		r.Key = key
		return must[*cachev1.ExpireResponse](t)(n.cache.Expire(ctx, r)).Applied
	}
	at := func(ms int64) *cachev1.ExpireRequest_ExpireAtMs {
		return &cachev1.ExpireRequest_ExpireAtMs{ExpireAtMs: ms}
	}
	for _, c := range []struct {
		condition cachev1.ExpireCondition
		at        int64
		want      bool
	}{
		{cachev1.ExpireCondition_EXPIRE_CONDITION_NO_EXPIRY, hour + 1, false},
		{cachev1.ExpireCondition_EXPIRE_CONDITION_HAS_EXPIRY, hour + 1, true},
		{cachev1.ExpireCondition_EXPIRE_CONDITION_LATER, hour, false},
		{cachev1.ExpireCondition_EXPIRE_CONDITION_LATER, hour + 2, true},
		{cachev1.ExpireCondition_EXPIRE_CONDITION_EARLIER, hour + 3, false},
		{cachev1.ExpireCondition_EXPIRE_CONDITION_EARLIER, hour, true},
	} {
		before := expiry()
		if got := expire(&cachev1.ExpireRequest{Condition: c.condition, Expiry: at(c.at)}); got != c.want {
			t.Errorf("%v to %d from %d: applied %v, want %v", c.condition, c.at, before, got, c.want)
		}
	}
	persist := &cachev1.ExpireRequest{Expiry: &cachev1.ExpireRequest_Persist{Persist: true}}
	if !expire(persist) || expiry() != 0 || expire(persist) {
		t.Errorf("persist: expiry %d", expiry())
	}
	if !expire(&cachev1.ExpireRequest{Expiry: &cachev1.ExpireRequest_TtlMs{TtlMs: -1}}) {
		t.Error("a negative TTL was not applied")
	}
	if got := must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key})); got.Item != nil {
		t.Errorf("a key that expired: %v", got)
	}
	done := must[*cachev1.SetResponse](t)(n.cache.Set(ctx, &cachev1.SetRequest{Key: key, Expiry: &cachev1.SetRequest_ExpireAtMs{ExpireAtMs: 1}}))
	if !done.Applied || done.Header.Version != 0 {
		t.Errorf("set with an expiry that has passed: %v", done)
	}
}

func TestIncrementAddsIntegersAndFloats(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	integer := func(key string, delta int64) (*cachev1.IncrementResponse, error) {
		return n.cache.Increment(ctx, &cachev1.IncrementRequest{Key: []byte(key), Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: delta}})
	}
	float := func(key string, delta float64) (*cachev1.IncrementResponse, error) {
		return n.cache.Increment(ctx, &cachev1.IncrementRequest{Key: []byte(key), Delta: &cachev1.IncrementRequest_FloatDelta{FloatDelta: delta}})
	}
	if got := must[*cachev1.IncrementResponse](t)(integer("i", 5)); got.GetIntValue() != 5 {
		t.Errorf("got %v", got)
	}
	if got := must[*cachev1.IncrementResponse](t)(integer("i", -7)); got.GetIntValue() != -2 {
		t.Errorf("got %v", got)
	}
	must[*cachev1.IncrementResponse](t)(float("f", 0.1))
	if got := must[*cachev1.IncrementResponse](t)(float("f", 0.2)); got.GetFloatValue() != 0.3 {
		t.Errorf("0.1 + 0.2: got %v", got.GetFloatValue())
	}
	if got := must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: []byte("f")})); string(got.Item.Value) != "0.3" {
		t.Errorf("stored: %q", got.Item.Value)
	}
	must[*cachev1.IncrementResponse](t)(integer("max", math.MaxInt64))
	_, err := integer("max", 1)
	expect(t, err, codes.InvalidArgument, "invalid", notApplied)
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set([]byte("text"), "x")))
	_, err = integer("text", 1)
	expect(t, err, codes.InvalidArgument, "invalid", notApplied)
	for _, delta := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err = float("f", delta)
		expect(t, err, codes.InvalidArgument, "invalid", notApplied)
	}
	must[*cachev1.IncrementResponse](t)(float("big", math.MaxFloat64))
	_, err = float("big", math.MaxFloat64)
	expect(t, err, codes.InvalidArgument, "invalid", notApplied)
}

func TestInitialTTLGoesToNewKeysOnly(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx, ttl := within(t, testTime), int64(3_600_000)
	for name, delta := range map[string]*cachev1.IncrementRequest{
		"i": {Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 1}},
		"f": {Delta: &cachev1.IncrementRequest_FloatDelta{FloatDelta: 1}},
	} {
		for _, exists := range []bool{false, true} {
			key := []byte(name)
			if exists {
				key = []byte(name + "-old")
				must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set(key, "1")))
			}
			delta.Key, delta.InitialTtlMs = key, &ttl
			got := must[*cachev1.IncrementResponse](t)(n.cache.Increment(ctx, delta))
			item := must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key}))
			if (item.Item.GetExpireAtMs() == 0) != exists || item.Header.Version != got.Header.Version {
				t.Errorf("key %q, existed %v: increment %v, then %v", key, exists, got, item)
			}
		}
	}
}

func TestBatchIsOneAndEachOperationHasItsResult(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	a, b := []byte("{t}a"), []byte("{t}b")
	got := must[*cachev1.BatchResponse](t)(n.cache.Batch(ctx, &cachev1.BatchRequest{Ops: []*cachev1.BatchOp{
		{Op: &cachev1.BatchOp_Set{Set: set(a, "1")}},
		{Op: &cachev1.BatchOp_Increment{Increment: &cachev1.IncrementRequest{Key: a, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 2}}}},
		{Op: &cachev1.BatchOp_Set{Set: set(b, "x")}},
		{Op: &cachev1.BatchOp_Increment{Increment: &cachev1.IncrementRequest{Key: b, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 2}}}},
		{Op: &cachev1.BatchOp_Expire{Expire: &cachev1.ExpireRequest{Key: a, Expiry: &cachev1.ExpireRequest_TtlMs{TtlMs: 1 << 30}}}},
		{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: a}}},
		{Op: &cachev1.BatchOp_Delete{Delete: &cachev1.DeleteRequest{Key: b}}},
	}}))
	r := got.Results
	if len(r) != 7 || !r[0].GetSet().GetApplied() || r[1].GetIncrement().GetIntValue() != 3 || !r[4].GetExpire().GetApplied() ||
		string(r[5].GetGet().GetItem().GetValue()) != "3" || !r[6].GetDelete().GetDeleted() {
		t.Fatalf("results: %v", r)
	}
	failed := r[3].GetError()
	if codes.Code(failed.GetCode()) != codes.InvalidArgument || failed.Detail.GetKind() != "invalid" || failed.Detail.GetOutcome() != notApplied {
		t.Errorf("result of the operation that fails: %v", r[3])
	}
	if h := r[5].GetGet().GetHeader(); h.GetVersion() == 0 || h.GetShardId() != 0 {
		t.Errorf("header inside a batch: %v", h)
	}
	if got.Header.ShardId != 1 || got.Header.Version != r[5].GetGet().GetHeader().GetVersion() {
		t.Errorf("header of the batch: %v, want version %d", got.Header, r[5].GetGet().GetHeader().GetVersion())
	}
	reads := must[*cachev1.BatchResponse](t)(n.cache.Batch(ctx, &cachev1.BatchRequest{
		Options: &cachev1.CallOptions{ReadMode: cachev1.ReadMode_READ_MODE_STALE},
		Ops:     []*cachev1.BatchOp{{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: a}}}, {Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: b}}}},
	}))
	if string(reads.Results[0].GetGet().GetItem().GetValue()) != "3" || reads.Results[1].GetGet().GetItem() != nil {
		t.Errorf("batch of reads: %v", reads)
	}
}

func TestValuesOfOneBatchReplyAreBounded(t *testing.T) {
	n := start(t, 1, Limits{MessageBytes: 1000})[0]
	ctx, key := within(t, testTime), []byte("k")
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set(key, string(bytes.Repeat([]byte("v"), 400)))))
	get := &cachev1.BatchOp{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: key}}}
	got := must[*cachev1.BatchResponse](t)(n.cache.Batch(ctx, &cachev1.BatchRequest{Ops: []*cachev1.BatchOp{get, get, get}}))
	if got.Results[1].GetGet() == nil || got.Results[2].GetError().GetDetail().GetKind() != "too-large" {
		t.Errorf("got %v", got)
	}
}

func TestAsyncWriteIsAnsweredFromTheLogAndSaysSo(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := within(t, testTime)
	must[*cachev1.SetResponse](t)(n.cache.Set(ctx, set([]byte("warm"), "up")))
	release := n.replica().hold(t)
	async := set([]byte("k"), "v")
	async.Options = &cachev1.CallOptions{AckMode: cachev1.AckMode_ACK_MODE_ASYNC}
	got := must[*cachev1.SetResponse](t)(n.cache.Set(ctx, async))
	if got.Header.AckReached != cachev1.AckMode_ACK_MODE_ASYNC || got.Header.Version == 0 {
		t.Errorf("got %v", got)
	}
	release()
}
