package client

import (
	"time"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// Op is one operation on one key: a Get, Set, Delete, Expire or Increment.
type Op interface {
	key() string
	// writes tells that the operation may change something.
	writes() bool
	// request is the operation as a message, with options unless it is a part of a batch.
	request(o *cachev1.CallOptions) *cachev1.PipelineCall
}

// Get reads the value of a key.
type Get struct{ Key string }

// Condition is what must hold for a Set to take effect.
type Condition uint8

const (
	// Always: nothing. The zero value.
	Always Condition = iota
	// IfAbsent: the key does not exist.
	IfAbsent
	// IfPresent: the key exists.
	IfPresent
)

// Set gives a key a value, whatever it held before.
type Set struct {
	Key   string
	Value []byte
	// If must hold; otherwise nothing is changed and the result says so.
	If Condition
	// IfVersion, unless it is 0, is the version that the key must have: nobody has changed it since. It excludes If.
	IfVersion uint64
	// TTL, unless it is 0, is for how long the key lives, in whole milliseconds. ExpireAt, unless it is zero, is until when. KeepTTL
	// leaves the expiry as it is. At most one of them is set; without any the key never expires.
	TTL      time.Duration
	ExpireAt time.Time
	KeepTTL  bool
	// ReturnPrevious asks for what the key held before.
	ReturnPrevious bool
}

// Delete deletes a key.
type Delete struct {
	Key string
	// IfVersion, unless it is 0, is the version that the key must have.
	IfVersion uint64
	// ReturnPrevious asks for what the key held.
	ReturnPrevious bool
}

// ExpireCondition is what must hold for an Expire to take effect. A key without expiry counts as one that expires infinitely late.
type ExpireCondition = cachev1.ExpireCondition

// Expire changes the expiry of a key: to TTL from now, or to At where that is set, or with Persist to never.
type Expire struct {
	Key     string
	TTL     time.Duration
	At      time.Time
	Persist bool
	If      ExpireCondition
}

// Increment adds to the number that a key holds; a key that does not exist counts as 0.
type Increment struct {
	Key string
	// By is what is added, unless Float is set: then ByFloat is.
	By      int64
	ByFloat float64
	Float   bool
	// InitialTTL, unless it is 0, is for how long the key lives if this creates it.
	InitialTTL time.Duration
}

func (o Get) key() string       { return o.Key }
func (o Set) key() string       { return o.Key }
func (o Delete) key() string    { return o.Key }
func (o Expire) key() string    { return o.Key }
func (o Increment) key() string { return o.Key }

func (o Get) writes() bool       { return false }
func (o Set) writes() bool       { return true }
func (o Delete) writes() bool    { return true }
func (o Expire) writes() bool    { return true }
func (o Increment) writes() bool { return true }

func (o Get) request(options *cachev1.CallOptions) *cachev1.PipelineCall {
	r := &cachev1.GetRequest{Key: []byte(o.Key), Options: options}
	return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Get{Get: r}}
}

var conditions = map[Condition]cachev1.KeyCondition{
	IfAbsent: cachev1.KeyCondition_KEY_CONDITION_ABSENT, IfPresent: cachev1.KeyCondition_KEY_CONDITION_PRESENT,
}

func (o Set) request(options *cachev1.CallOptions) *cachev1.PipelineCall {
	r := &cachev1.SetRequest{Key: []byte(o.Key), Value: o.Value, ReturnPrevious: o.ReturnPrevious, Options: options}
	switch {
	case o.IfVersion != 0:
		r.Precondition = &cachev1.SetRequest_IfVersion{IfVersion: o.IfVersion}
	case o.If != Always:
		r.Precondition = &cachev1.SetRequest_Condition{Condition: conditions[o.If]}
	}
	switch {
	case o.TTL != 0:
		r.Expiry = &cachev1.SetRequest_TtlMs{TtlMs: o.TTL.Milliseconds()}
	case !o.ExpireAt.IsZero():
		r.Expiry = &cachev1.SetRequest_ExpireAtMs{ExpireAtMs: o.ExpireAt.UnixMilli()}
	case o.KeepTTL:
		r.Expiry = &cachev1.SetRequest_KeepTtl{KeepTtl: true}
	}
	return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Set{Set: r}}
}

func (o Delete) request(options *cachev1.CallOptions) *cachev1.PipelineCall {
	r := &cachev1.DeleteRequest{Key: []byte(o.Key), ReturnPrevious: o.ReturnPrevious, Options: options}
	if o.IfVersion != 0 {
		r.IfVersion = &o.IfVersion
	}
	return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Delete{Delete: r}}
}

func (o Expire) request(options *cachev1.CallOptions) *cachev1.PipelineCall {
	r := &cachev1.ExpireRequest{Key: []byte(o.Key), Condition: o.If, Options: options}
	switch {
	case o.Persist:
		r.Expiry = &cachev1.ExpireRequest_Persist{Persist: true}
	case !o.At.IsZero():
		r.Expiry = &cachev1.ExpireRequest_ExpireAtMs{ExpireAtMs: o.At.UnixMilli()}
	default:
		r.Expiry = &cachev1.ExpireRequest_TtlMs{TtlMs: o.TTL.Milliseconds()}
	}
	return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Expire{Expire: r}}
}

func (o Increment) request(options *cachev1.CallOptions) *cachev1.PipelineCall {
	r := &cachev1.IncrementRequest{Key: []byte(o.Key), Options: options}
	if r.Delta = (&cachev1.IncrementRequest_IntDelta{IntDelta: o.By}); o.Float {
		r.Delta = &cachev1.IncrementRequest_FloatDelta{FloatDelta: o.ByFloat}
	}
	if o.InitialTTL != 0 {
		ttl := o.InitialTTL.Milliseconds()
		r.InitialTtlMs = &ttl
	}
	return &cachev1.PipelineCall{Call: &cachev1.PipelineCall_Increment{Increment: r}}
}

// batchOp is an operation as a part of a batch.
func batchOp(op Op) *cachev1.BatchOp {
	switch r := op.request(nil).GetCall().(type) {
	case *cachev1.PipelineCall_Get:
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Get{Get: r.Get}}
	case *cachev1.PipelineCall_Set:
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Set{Set: r.Set}}
	case *cachev1.PipelineCall_Delete:
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Delete{Delete: r.Delete}}
	case *cachev1.PipelineCall_Expire:
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Expire{Expire: r.Expire}}
	case *cachev1.PipelineCall_Increment:
		return &cachev1.BatchOp{Op: &cachev1.BatchOp_Increment{Increment: r.Increment}}
	}
	return &cachev1.BatchOp{}
}
