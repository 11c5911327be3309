package shard

import (
	"context"
	"errors"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/feed"
)

// WatchStart says from where on changes are watched. At most one field is set; without any it is from now on.
type WatchStart struct {
	// Token is that of a feed.Position.
	Token []byte
	// AfterVersion: all changes with higher versions.
	AfterVersion uint64
	// AfterMigration: all changes since the slots have come to this shard by that migration.
	AfterMigration uint64
}

// Watch is somebody who watches changes of the shard. One goroutine uses it.
type Watch struct {
	*feed.Reader
	replica *Replica
	term    uint64
}

// Watch returns the changes of a selection. Only a replica that serves has watchers: what was written before the call is applied
// there. The error is an *apierr.Error or a *feed.CompactedError.
func (r *Replica) Watch(s feed.Selection, from WatchStart) (*Watch, error) {
	term, serves := r.exec.Serving()
	if !serves {
		return nil, r.notWatched()
	}
	reader, err := r.openFeed(s, from)
	if err != nil {
		return nil, err
	}
	return &Watch{Reader: reader, replica: r, term: term}, nil
}

func (r *Replica) openFeed(s feed.Selection, from WatchStart) (*feed.Reader, error) {
	switch {
	case from.Token != nil:
		p, err := feed.ParseToken(from.Token)
		if err != nil {
			return nil, apierr.New(apierr.KindInvalid, "resume_token: %w", err)
		}
		return r.feed.Resume(p, s)
	case from.AfterMigration != 0:
		return r.watchArrived(from.AfterMigration, s)
	}
	// The position first: a slot that leaves later is told of behind it.
	now := positionOf(r.fsm.State())
	if err := r.mustHave(s.Slots); err != nil {
		return nil, err
	}
	if from.AfterVersion != 0 {
		return r.feed.AfterVersion(from.AfterVersion, s)
	}
	return r.feed.From(now, s), nil
}

func (r *Replica) watchArrived(migration uint64, s feed.Selection) (*feed.Reader, error) {
	if reader, found := r.feed.AfterMigration(migration, s); found {
		return reader, nil
	}
	if lowest, _ := r.State().EndedFor(s.Slots); lowest >= migration {
		if reader, found := r.feed.AfterMigration(migration, s); found { // it ended meanwhile
			return reader, nil
		}
		return nil, r.feed.Compacted(migration, s)
	}
	return nil, apierr.New(apierr.KindImporting, "migration %d has not ended at shard %d; repeat in a moment", migration, r.cfg.Group)
}

// mustHave refuses slots that are not this shard's. One that is frozen is.
func (r *Replica) mustHave(ranges []slot.Range) error {
	for _, rg := range ranges {
		for s := int(rg.First); s <= int(rg.Last); s++ {
			sl := r.store.Slot(slot.ID(s))
			sl.RLock()
			state := sl.StateLocked()
			sl.RUnlock()
			switch state {
			case store.SlotOwned, store.SlotFrozen:
			case store.SlotImporting:
				return apierr.New(apierr.KindImporting, "slot %d is being handed over to shard %d, which does not serve it yet; repeat in a moment", s, r.cfg.Group)
			default:
				return apierr.New(apierr.KindNotOwned, "slot %d is not served by shard %d; ask for the slot map again", s, r.cfg.Group)
			}
		}
	}
	return nil
}

func (r *Replica) notWatched() error {
	return apierr.New(apierr.KindNotLeader, "shard %d: this replica does not serve; watch at the leader", r.cfg.Group)
}

// Next returns changes, at least one and about sizeBytes at most, once there are any. Where the replica ceases to serve the error
// says so: the next leader goes on behind Position. io.EOF says that all slots have left.
func (w *Watch) Next(ctx context.Context, sizeBytes int) ([]feed.Change, error) {
	for {
		changed := w.replica.exec.Changed()
		if term, serves := w.replica.exec.Serving(); !serves || term != w.term {
			return nil, w.replica.notWatched()
		}
		changes, err := w.Reader.Next(ctx, changed, sizeBytes)
		if !errors.Is(err, feed.ErrInterrupted) {
			return changes, err
		}
	}
}
