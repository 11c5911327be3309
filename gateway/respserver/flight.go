package respserver

import (
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// flight is what a connection has open on one replica in this round.
type flight struct {
	shard   slot.ShardID
	replica router.Replica
	flight  router.Flight
	// ops are those of the round; ops[submitted:] are not handed over yet. entries are theirs, in the same order.
	ops       []*router.Op
	entries   []*entry
	submitted int
	// waited is how many of the ops the replica has taken: those are waited for.
	waited int
}

// flightFor returns the connection's flight of a replica.
func (c *conn) flightFor(replica router.Replica) *flight {
	shard := replica.Shard()
	for i, f := range c.flights {
		if f.shard != shard {
			continue
		}
		if f.replica != replica && len(f.ops) == 0 { // the replica was closed and opened again
			c.flights[i] = &flight{shard: shard, replica: replica, flight: replica.NewFlight()}
		}
		return c.flights[i]
	}
	f := &flight{shard: shard, replica: replica, flight: replica.NewFlight()}
	c.flights = append(c.flights, f)
	return f
}

// add queues the entry's op behind those of the round.
func (f *flight) add(e *entry) {
	e.flight, e.open = f, true
	f.ops = append(f.ops, &e.op)
	f.entries = append(f.entries, e)
}

// isOpen tells whether ops of the round have no answer yet.
func (f *flight) isOpen() bool { return len(f.ops) > 0 }

// submit hands over the ops that are queued. Those that are refused have their answer at once.
func (f *flight) submit() {
	run := f.ops[f.submitted:]
	if len(run) == 0 {
		return
	}
	f.submitted = len(f.ops)
	if err := f.flight.Submit(run...); err != nil {
		for _, op := range run {
			op.Err = apierr.Of(err)
		}
		return
	}
	f.waited += len(run)
}

// submit hands over the ops of all flights, before the connection's goroutine waits for anything.
func (c *conn) submit() {
	for _, f := range c.flights {
		f.submit()
	}
}

// wait returns when every op has its answer.
func (c *conn) wait() {
	deadline := c.arrived.Add(router.CommitMax)
	for _, f := range c.flights {
		if len(f.ops) == 0 {
			continue
		}
		if f.waited > 0 {
			f.flight.Wait(deadline)
		}
		for _, e := range f.entries {
			e.open = false
			if f.remote() && e.op.Err == nil {
				e.reply, e.op.Reply = fromElsewhere(e.op.Reply), nil
				c.charge(&e.reply)
			}
			c.remember(e)
			if e.op.Err == nil {
				c.lookups.Add(e.counted.Lookups)
			}
		}
		clear(f.ops)
		clear(f.entries)
		f.ops, f.entries, f.submitted, f.waited = f.ops[:0], f.entries[:0], 0, 0
	}
}

// written is the last write of the connection on one shard.
type written struct {
	shard slot.ShardID
	// index is where it stands in the log; unknown where at is set, the replica elsewhere that it was sent to.
	index uint64
	at    router.Remote
}

// remember notes a write, for WAIT.
func (c *conn) remember(e *entry) {
	at, elsewhere := e.flight.replica.(router.Remote)
	if e.op.Err != nil || e.op.Index == 0 && (!elsewhere || e.op.ReadOnly) {
		return
	}
	for i := range c.written {
		if w := &c.written[i]; w.shard == e.flight.shard {
			w.index, w.at = max(w.index, e.op.Index), at
			return
		}
	}
	c.written = append(c.written, written{e.flight.shard, e.op.Index, at})
}
