package grpcserver

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

func TestMalformedRequestsAreRefusedBeforeAnythingIsDone(t *testing.T) {
	n := start(t, 1, Limits{BatchOps: 2})[0]
	ctx, k := within(t, testTime), []byte("k")
	ttl := func(v int64) *int64 { return &v }
	one := &cachev1.IncrementRequest_IntDelta{IntDelta: 1}
	expireIn := &cachev1.ExpireRequest_TtlMs{TtlMs: 1}
	getOf := func(key string) *cachev1.BatchOp {
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: []byte(key)}}}
	}
	for name, c := range map[string]struct {
		request any
		code    codes.Code
		kind    string
	}{
		"empty key, get":        {&cachev1.GetRequest{}, codes.InvalidArgument, "invalid"},
		"empty key, set":        {&cachev1.SetRequest{}, codes.InvalidArgument, "invalid"},
		"empty key, delete":     {&cachev1.DeleteRequest{}, codes.InvalidArgument, "invalid"},
		"empty key, expire":     {&cachev1.ExpireRequest{Expiry: expireIn}, codes.InvalidArgument, "invalid"},
		"empty key, increment":  {&cachev1.IncrementRequest{Delta: one}, codes.InvalidArgument, "invalid"},
		"ttl 0":                 {&cachev1.SetRequest{Key: k, Expiry: &cachev1.SetRequest_TtlMs{}}, codes.InvalidArgument, "invalid"},
		"ttl negative":          {&cachev1.SetRequest{Key: k, Expiry: &cachev1.SetRequest_TtlMs{TtlMs: -1}}, codes.InvalidArgument, "invalid"},
		"ttl overflow":          {&cachev1.SetRequest{Key: k, Expiry: &cachev1.SetRequest_TtlMs{TtlMs: 1<<63 - 1}}, codes.InvalidArgument, "invalid"},
		"expiry 0":              {&cachev1.SetRequest{Key: k, Expiry: &cachev1.SetRequest_ExpireAtMs{}}, codes.InvalidArgument, "invalid"},
		"key condition 9":       {&cachev1.SetRequest{Key: k, Precondition: &cachev1.SetRequest_Condition{Condition: 9}}, codes.InvalidArgument, "invalid"},
		"no expiry":             {&cachev1.ExpireRequest{Key: k}, codes.InvalidArgument, "invalid"},
		"persist false":         {&cachev1.ExpireRequest{Key: k, Expiry: &cachev1.ExpireRequest_Persist{}}, codes.InvalidArgument, "invalid"},
		"persist if":            {&cachev1.ExpireRequest{Key: k, Condition: 1, Expiry: &cachev1.ExpireRequest_Persist{Persist: true}}, codes.InvalidArgument, "invalid"},
		"expire condition 9":    {&cachev1.ExpireRequest{Key: k, Condition: 9, Expiry: expireIn}, codes.InvalidArgument, "invalid"},
		"expire ttl overflow":   {&cachev1.ExpireRequest{Key: k, Expiry: &cachev1.ExpireRequest_TtlMs{TtlMs: 1<<63 - 1}}, codes.InvalidArgument, "invalid"},
		"no delta":              {&cachev1.IncrementRequest{Key: k}, codes.InvalidArgument, "invalid"},
		"initial ttl 0":         {&cachev1.IncrementRequest{Key: k, Delta: one, InitialTtlMs: ttl(0)}, codes.InvalidArgument, "invalid"},
		"initial ttl overflow":  {&cachev1.IncrementRequest{Key: k, Delta: &cachev1.IncrementRequest_FloatDelta{FloatDelta: 1}, InitialTtlMs: ttl(1<<63 - 1)}, codes.InvalidArgument, "invalid"},
		"ack mode 9":            {&cachev1.SetRequest{Key: k, Options: &cachev1.CallOptions{AckMode: 9}}, codes.InvalidArgument, "invalid"},
		"read mode 9":           {&cachev1.GetRequest{Key: k, Options: &cachev1.CallOptions{ReadMode: 9}}, codes.InvalidArgument, "invalid"},
		"request id, set":       {&cachev1.SetRequest{Key: k, Options: &cachev1.CallOptions{RequestId: []byte("1")}}, codes.InvalidArgument, "invalid"},
		"request id, get":       {&cachev1.GetRequest{Key: k, Options: &cachev1.CallOptions{RequestId: []byte("1")}}, codes.InvalidArgument, "invalid"},
		"request id, batch":     {&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{getOf("k")}, Options: &cachev1.CallOptions{RequestId: []byte("1")}}, codes.InvalidArgument, "invalid"},
		"batch of none":         {&cachev1.BatchRequest{}, codes.InvalidArgument, "invalid"},
		"batch of an unset op":  {&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{{}}}, codes.InvalidArgument, "invalid"},
		"batch of 3, limit 2":   {&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{getOf("k"), getOf("k"), getOf("k")}}, codes.ResourceExhausted, "too-large"},
		"batch over two slots":  {&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{getOf("a"), getOf("b")}}, codes.InvalidArgument, "cross-slot"},
		"batch with an own ack": {&cachev1.BatchRequest{Ops: []*cachev1.BatchOp{{Op: &cachev1.BatchOp_Get{Get: &cachev1.GetRequest{Key: k, Options: &cachev1.CallOptions{}}}}}}, codes.InvalidArgument, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := invoke(ctx, n, c.request)
			d := expect(t, err, c.code, c.kind, notApplied)
			if d.Retry != cachev1.RetryAdvice_RETRY_ADVICE_NEVER {
				t.Errorf("advice: got %v, want NEVER", d.Retry)
			}
		})
	}
	if keys := n.replica().Keys(); keys != 0 {
		t.Errorf("refused requests left %d keys", keys)
	}
}

func TestKeyAndValueMayBeAsLongAsTheirLimits(t *testing.T) {
	limits := Limits{}
	limits.Data.KeyBytesMax, limits.Data.ValueBytesMax = 100, 1000
	n := start(t, 1, limits)[0]
	ctx := within(t, testTime)
	for _, c := range []struct {
		key, value int
		fits       bool
	}{{1, 0, true}, {99, 999, true}, {100, 1000, true}, {101, 1, false}, {1, 1001, false}} {
		_, err := n.cache.Set(ctx, &cachev1.SetRequest{Key: bytes.Repeat([]byte("k"), c.key), Value: make([]byte, c.value)})
		if c.fits && err != nil {
			t.Errorf("key of %d, value of %d bytes: %v", c.key, c.value, err)
		}
		if !c.fits {
			expect(t, err, codes.ResourceExhausted, "too-large", notApplied)
		}
	}
}

func TestBatchMayBeAsLongAsItsLimit(t *testing.T) {
	n := start(t, 1, Limits{BatchOps: 3})[0]
	ctx := within(t, testTime)
	for ops := 2; ops <= 4; ops++ {
		r := &cachev1.BatchRequest{}
		for i := range ops {
			r.Ops = append(r.Ops, &cachev1.BatchOp{Op: &cachev1.BatchOp_Set{Set: set(fmt.Appendf(nil, "{t}%d", i), "v")}})
		}
		_, err := n.cache.Batch(ctx, r)
		if ops <= 3 && err != nil {
			t.Errorf("%d operations: %v", ops, err)
		}
		if ops > 3 {
			expect(t, err, codes.ResourceExhausted, "too-large", notApplied)
		}
	}
}
