package node

import (
	"context"
	"errors"
	"time"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/host"
)

// saver writes the snapshots of this node's shards.
type saver struct{ n *Node }

var _ respserver.Saver = saver{}

var errNoShards = errors.New("this node belongs to no cluster yet: it has nothing to save")

func (s saver) Save(ctx context.Context) error {
	h := s.n.host.Load()
	if h == nil {
		return errNoShards
	}
	return saveError(h.Save(ctx))
}

func (s saver) SaveInBackground() error {
	h := s.n.host.Load()
	if h == nil {
		return errNoShards
	}
	return saveError(h.SaveInBackground())
}

func saveError(err error) error {
	if errors.Is(err, host.ErrSaveRunning) {
		return respserver.ErrSaveRunning
	}
	return err
}

// saveFacts is what INFO tells of log and snapshots.
func saveFacts(h *host.Host, started time.Time) respserver.SaveFacts {
	facts := sumOfSaves(h.SaveStatus(), started)
	if began, saving := h.Saving(); saving {
		facts.Running, facts.Began = true, began
	}
	facts.LogBytes = h.LogBytes()
	return facts
}

// sumOfSaves puts the shards of a node together: the oldest of their newest snapshots, and the longest of what held one.
func sumOfSaves(all []shard.SaveStatus, started time.Time) respserver.SaveFacts {
	var facts respserver.SaveFacts
	for i, s := range all {
		last := s.Last
		if last.IsZero() {
			last = started
		}
		if i == 0 || last.Before(facts.Last) {
			facts.Last = last
		}
		if !s.Began.IsZero() && (!facts.Running || s.Began.Before(facts.Began)) {
			facts.Running, facts.Began = true, s.Began
		}
		facts.Failed = facts.Failed || s.Err != nil
		facts.Took += s.Took
		facts.Saves += s.Saves
		facts.Unsaved += s.Unsaved
		facts.HeldMax = max(facts.HeldMax, s.Held.Max)
		for class, n := range s.Held.Classes {
			facts.Held[class] += n
		}
	}
	return facts
}
