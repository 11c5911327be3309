package migration

import (
	"context"
	"fmt"
	"sync"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

// Receive takes the chunks of one stream, for the target, until the stream or ctx ends. Several may run at a time: the state
// machine takes each chunk once, in order, and of the latest attempt only (PROTOCOL rule 15).
func (d *Driver) Receive(ctx context.Context, open Open, c Carrier) error {
	h, err := d.awaitImport(ctx, open)
	if err != nil {
		return err
	}
	if h.Final { // the stream on which it came may have ended before it was applied
		d.signal()
	}
	if err := c.Send(ackOf(h)); err != nil {
		return err
	}
	r := receiver{d: d, open: open, expect: h, takes: make(chan take)}
	ctx, cancel := context.WithCancelCause(ctx)
	var answering sync.WaitGroup
	defer answering.Wait()
	defer close(r.takes)
	defer r.proposing.Wait()
	defer cancel(nil)
	answering.Go(func() {
		if err := r.answer(c); err != nil {
			cancel(err)
		}
	})
	chunks := make(chan Chunk)
	go func() { cancel(forward(ctx, c, chunks)) }()
	for {
		select {
		case chunk := <-chunks:
			if err := r.take(ctx, chunk); err != nil {
				return causeOf(ctx, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// forward hands on what comes on a stream until that ends or ctx does. It cannot be stopped while it waits for a chunk, and the
// source may have none to send: so Receive does not wait for it, and the stream ends when Receive has returned.
func forward(ctx context.Context, c Carrier, chunks chan<- Chunk) error {
	for {
		chunk, err := c.Recv()
		if err != nil {
			return err
		}
		select {
		case chunks <- chunk:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ackOf(h raftfsm.Handover) Ack { return Ack{Attempt: h.Attempt, Next: h.Next, Final: h.Final} }

// awaitImport returns what this replica has of the migration once it is ready to take chunks.
func (d *Driver) awaitImport(ctx context.Context, open Open) (raftfsm.Handover, error) {
	for {
		changed := d.change()
		if !d.serves() {
			return raftfsm.Handover{}, d.notServing()
		}
		if h, ok := d.importing(open); ok {
			return h, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return raftfsm.Handover{}, apierr.New(apierr.KindDeadline, "shard %d: migration %d has not begun here; nothing was taken, retry", d.cfg.Group.Shard(), open.Migration)
		}
	}
}

// importing is what a replica has of a migration to its shard.
func (d *Driver) importing(open Open) (raftfsm.Handover, bool) {
	h, ok := d.cfg.Group.State().Handover(open.Migration)
	return h, ok && h.Side == raftfsm.SideTarget && h.Other == open.From && d.cfg.Group.Shard() == open.To
}

func (d *Driver) notServing() error {
	return apierr.New(apierr.KindNotLeader, "shard %d: this replica does not serve; nothing was taken, retry at the leader", d.cfg.Group.Shard())
}

// receiver takes the chunks of one stream.
type receiver struct {
	d    *Driver
	open Open
	// expect is what the replica will have once everything that was proposed is applied.
	expect raftfsm.Handover
	// takes are on their way, in order. The channel has no room: beside the one whose answer is waited for, one more is
	// proposed. Others would leave the requests of clients too few of the executor's batches in flight.
	takes     chan take
	proposing sync.WaitGroup
	// decoded is room for the parts of the chunk that is looked at.
	decoded entry.Chunk
}

// take is a chunk on its way through the log.
type take struct {
	chunk entry.Chunk
	done  chan error
}

// take proposes one chunk, behind those that were proposed before. What the replica has already it takes no second time.
func (r *receiver) take(ctx context.Context, c Chunk) error {
	shard := r.d.cfg.Group.Shard()
	defer r.decoded.Forget()
	err := entry.DecodePartsInto(c.Parts, &r.decoded)
	if err == nil && c.Time < 0 { // the log takes no such chunk
		err = fmt.Errorf("time %d", c.Time)
	}
	if err != nil {
		return apierr.New(apierr.KindInvalid, "shard %d: migration %d: %w; nothing was taken", shard, r.open.Migration, err)
	}
	t := take{done: make(chan error, 1), chunk: entry.Chunk{
		Migration: r.open.Migration, Attempt: c.Attempt, Sequence: c.Sequence, Final: c.Final, Version: c.Version, Time: c.Time,
	}}
	checked := t.chunk
	checked.Parts = r.decoded.Parts
	refused := r.expect.Takes(&checked)
	switch {
	case refused == nil:
		r.expect.Attempt, r.expect.Next, r.expect.Final = c.Attempt, c.Sequence+1, c.Final
		r.propose(ctx, t, c.Parts)
	case has(r.expect, &t.chunk):
		t.done <- nil
	default:
		return apierr.New(apierr.KindInvalid, "shard %d: %w; nothing was taken", shard, refused)
	}
	select {
	case r.takes <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// propose returns once the chunk has its place in the sequence of records, so that the next one comes behind it, or is
// refused.
func (r *receiver) propose(ctx context.Context, t take, parts []byte) {
	placed, refused := make(chan struct{}), make(chan struct{})
	r.proposing.Go(func() {
		defer close(refused)
		t.done <- r.d.cfg.Group.Control(ctx, executor.Control{Make: func(h entry.Header) []byte {
			close(placed)
			return entry.EncodeChunkOf(h, t.chunk, parts)
		}})
	})
	select {
	case <-placed:
	case <-refused:
	}
}

// answer tells the source of each chunk that is applied.
func (r *receiver) answer(c Carrier) error {
	for t := range r.takes {
		if err := <-t.done; err != nil {
			return err
		}
		if t.chunk.Final && r.d.cfg.Hook != nil { // the driver may have gone on from here already
			r.d.cfg.Hook(StepFinalApplied, r.open.Migration, r.open.To)
		}
		h, ok := r.d.importing(r.open)
		if !ok {
			return r.d.ended(r.open)
		}
		if !has(h, &t.chunk) {
			return apierr.New(apierr.KindTryAgain, "shard %d: chunk %d of attempt %v of migration %d was overtaken; nothing of it was taken", r.open.To, t.chunk.Sequence, t.chunk.Attempt, t.chunk.Migration)
		}
		if h.Final {
			r.d.signal()
		}
		if err := c.Send(ackOf(h)); err != nil {
			return err
		}
	}
	return nil
}

// has tells whether a replica has a chunk, or needs it no more.
func has(h raftfsm.Handover, c *entry.Chunk) bool {
	return h.Final || h.Attempt.After(c.Attempt) || h.Attempt == c.Attempt && c.Sequence < h.Next
}

func (d *Driver) ended(open Open) error {
	return apierr.New(apierr.KindNotFound, "shard %d takes nothing of migration %d from shard %d: it is over, or was never begun", d.cfg.Group.Shard(), open.Migration, open.From)
}
