package proxy

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// replica is the replica of a shard at the node that leads it, as one session sees it.
type replica struct {
	pool    *Pool
	shard   slot.ShardID
	addr    string
	session Session
	// watching is the connection that watches keys, nil where none does.
	watching *lane
	// wrote is the connection that the last write went over, nil where there was none. What came later over it, of other clients
	// too, stands behind that write in the log.
	wrote *lane
}

var _ router.Remote = (*replica)(nil)

func (r *replica) Shard() slot.ShardID                       { return r.shard }
func (r *replica) Leads() bool                               { return true }
func (r *replica) NewFlight() router.Flight                  { return &flight{r: r} }
func (r *replica) Holds(slot.ID) bool                        { return false }
func (r *replica) Acknowledged(uint64) int                   { return 0 }
func (r *replica) HasKeys(slot.ID) bool                      { return false }
func (r *replica) Keys() int                                 { return 0 }
func (r *replica) KeysInSlot(slot.ID) int                    { return 0 }
func (r *replica) ListKeys(slot.ID, int) [][]byte            { return nil }
func (r *replica) AwaitOwned(context.Context, slot.ID) error { return r.elsewhere() }

func (r *replica) Read(context.Context, slot.ID, router.ReadMode, func(ops.Reader)) error {
	return r.elsewhere()
}

func (r *replica) elsewhere() *apierr.Error {
	return apierr.New(apierr.KindInternal, "shard %d: a replica of the node at %s was asked as if it were here; not applied, report this", r.shard, r.addr)
}

// Watch watches keys over a connection that is this session's alone.
func (r *replica) Watch(command [][]byte, deadline time.Time) ([]byte, error) {
	if r.watching == nil {
		r.watching = r.pool.alone(r.addr, r.session)
	}
	f := &flight{r: r, lane: r.watching}
	op := &router.Op{Command: command, ReadOnly: true}
	if err := f.Submit(op); err != nil {
		r.Unwatch()
		return nil, err
	}
	f.Wait(deadline)
	if op.Err == nil {
		return op.Reply, nil
	}
	r.Unwatch()
	if op.Err.Kind == apierr.KindMoved || op.Err.Kind == apierr.KindAsk {
		r.pool.cfg.Doubted()
		return nil, refusal(r.shard, r.addr, op.Err)
	}
	return nil, op.Err
}

// Written asks over the connection of the last write; where there was none, over any.
func (r *replica) Written(deadline time.Time) (held int, policy string, known bool) {
	f := &flight{r: &replica{pool: r.pool, shard: r.shard, addr: r.addr, session: r.session}, lane: r.wrote}
	shard := strconv.FormatUint(uint64(r.shard), 10)
	op := &router.Op{Command: [][]byte{[]byte("CLIENT"), []byte("WRITTEN"), []byte(shard)}, ReadOnly: true}
	if f.Submit(op) != nil {
		return 0, "", false
	}
	f.Wait(deadline)
	if op.Err != nil {
		return 0, "", false
	}
	v, err := resp.NewReplyReader(bytes.NewReader(op.Reply)).Read()
	if err != nil || len(v.Elems) != 2 {
		return 0, "", false
	}
	return int(v.Elems[0].Int), string(v.Elems[1].Str), true
}

// Unwatch ends the connection that watches.
func (r *replica) Unwatch() {
	if r.watching != nil {
		r.watching.fail(errGone)
		r.watching = nil
	}
}
