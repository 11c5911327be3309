package migration

import (
	"context"

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
	for {
		if err := c.Send(Ack{Attempt: h.Attempt, Next: h.Next, Final: h.Final}); err != nil {
			return err
		}
		chunk, err := c.Recv()
		if err != nil {
			return err
		}
		if h, err = d.take(ctx, open, chunk); err != nil {
			return err
		}
	}
}

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

// take commits one chunk and returns what the replica has then. What it has already it takes no second time.
func (d *Driver) take(ctx context.Context, open Open, c Chunk) (raftfsm.Handover, error) {
	parts, err := entry.DecodeParts(c.Parts)
	if err != nil {
		return raftfsm.Handover{}, apierr.New(apierr.KindInvalid, "shard %d: migration %d: %w; nothing was taken", d.cfg.Group.Shard(), open.Migration, err)
	}
	chunk := entry.Chunk{
		Migration: open.Migration, Attempt: c.Attempt, Sequence: c.Sequence, Final: c.Final, Version: c.Version, Time: c.Time, Parts: parts,
	}
	h, ok := d.importing(open)
	if !ok {
		return h, d.ended(open)
	}
	if err := h.Takes(&chunk); err != nil {
		if had(h, &chunk) {
			return h, nil
		}
		return h, apierr.New(apierr.KindInvalid, "shard %d: %w; nothing was taken", d.cfg.Group.Shard(), err)
	}
	err = d.cfg.Group.Control(ctx, executor.Control{Make: func(h entry.Header) []byte { return entry.EncodeChunkOf(h, chunk, c.Parts) }})
	if err != nil {
		return h, err
	}
	if h, ok = d.importing(open); !ok {
		return h, d.ended(open)
	}
	if h.Final {
		if d.cfg.Hook != nil {
			d.cfg.Hook(StepFinalApplied, open.Migration, d.cfg.Group.Shard())
		}
		d.signal()
	}
	return h, nil
}

// had tells whether a chunk that is not taken is one that the replica has, or needs no more.
func had(h raftfsm.Handover, c *entry.Chunk) bool {
	return h.Final || h.Attempt.After(c.Attempt) || h.Attempt == c.Attempt && c.Sequence < h.Next
}

func (d *Driver) ended(open Open) error {
	return apierr.New(apierr.KindNotFound, "shard %d takes nothing of migration %d from shard %d: it is over, or was never begun", d.cfg.Group.Shard(), open.Migration, open.From)
}
