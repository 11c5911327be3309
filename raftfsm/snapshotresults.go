package raftfsm

import (
	"fmt"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// resultsAtOnce is how many results of a slot go into one part, so that the largest ones make a frame of some megabytes.
const resultsAtOnce = 64

// writeResults writes the results of requests whose end had not passed by now, in frames of parts (entry.AppendPart) that are
// packed like chunks. It returns how many frames it has written.
func (w *snapshotWriter) writeResults(now int64) (written int, err error) {
	pace := pacer{own: w.own}
	pace.begin()
	var c chunk
	flush := func() error {
		if err := w.frames.write(c.packed(frameResults)); err != nil {
			return err
		}
		written++
		c.reset()
		if !pace.rest() {
			return errStopped
		}
		return nil
	}
	var list []session.Done
	for id := range slot.ID(slot.Count) {
		list = w.results.Append(list[:0], id, now)
		for rest := list; len(rest) > 0; {
			n := min(len(rest), resultsAtOnce)
			c.raw = entry.AppendPart(c.raw, partOf(id, rest[:n]))
			if rest = rest[n:]; c.full() {
				if err := flush(); err != nil {
					return written, err
				}
			}
		}
	}
	if len(c.raw) > 0 {
		err = flush()
	}
	return written, err
}

// packed is compress for a frame of another kind, in new memory.
func (c *chunk) packed(kind byte) frame {
	f := c.compress(nil)
	f.kind = kind
	return f
}

func partOf(id slot.ID, list []session.Done) *entry.Part {
	p := &entry.Part{Slot: id, Effects: make([]entry.Effect, len(list))}
	for i := range list {
		p.Effects[i] = EffectOf(&list[i], 0)
	}
	return p
}

// loadResults puts results into the table of a store that nobody else has yet, but for other loaders.
func loadResults(s *store.Store, raw []byte, now int64) error {
	parts, err := entry.DecodeParts(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadSnapshot, err)
	}
	for i := range parts {
		if err := loadPart(s, &parts[i], now); err != nil {
			return err
		}
	}
	return nil
}

func loadPart(s *store.Store, p *entry.Part, now int64) error {
	sl := s.Slot(p.Slot)
	sl.Lock()
	defer sl.Unlock()
	if p.Drop || len(p.Items) > 0 {
		return fmt.Errorf("%w: there are keys of slot %d among the results", ErrBadSnapshot, p.Slot)
	}
	for i := range p.Effects {
		e := &p.Effects[i]
		d := ResultOf(e)
		_, twice := s.Sessions().FindLocked(p.Slot, d.ID)
		if e.Kind != entry.EffectDone || twice || d.Until < now {
			return fmt.Errorf("%w: result %d of client %d on slot %d comes twice, has ended, or is none", ErrBadSnapshot, d.ID.Sequence, d.ID.Client, p.Slot)
		}
		s.Sessions().PutLocked(p.Slot, d, now)
	}
	return nil
}
