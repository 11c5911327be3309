package logstore

import (
	"fmt"
	"os"
)

const (
	// spareSegments is how much more than twice what it needs the log may take on disk. Twice means that copying what is
	// needed costs no more than was written; the rest is room so that a small log is never copied.
	spareSegments = 4

	// moveBytesMax bounds what is copied between two batches, so that writers hardly wait for it.
	moveBytesMax = 256 << 10
)

// cleaning is the copying of what is still needed from the oldest segment.
type cleaning struct {
	segment *segment
	todo    []movable
}

// movable is one record that may have to be moved: a mark if it has a name, otherwise an entry.
type movable struct {
	group *WALGroup
	index uint64
	name  string
	spot  spot
}

// clean removes the oldest segments as far as nothing in them is needed. Where the log takes more room than it should, it
// copies what the oldest one still holds to the end: a group that is idle must not pin segments, and neither a snapshot
// nor anything else that raft would do frees the trailing entries of such a group.
func (w *WAL) clean() error {
	if err := w.removeDead(); err != nil {
		return err
	}
	oldest := w.segments[w.oldest]
	if w.cleaning == nil {
		if oldest == w.newest || w.allBytes <= 2*w.liveBytes+spareSegments*w.cfg.SegmentBytes {
			return nil
		}
		w.cleaning = &cleaning{segment: oldest, todo: w.movables(oldest)}
	}
	return w.move()
}

// removeDead says durably which segments are not needed any more, then removes them, the oldest first: so a segment that
// is missing for another reason is noticed. The same fsync covers what made them dead.
func (w *WAL) removeDead() error {
	needed := w.oldest
	for s := w.segments[needed]; s != w.newest && s.live == 0; s = w.segments[needed] {
		needed++
	}
	if needed == w.oldest {
		return nil
	}
	first := w.oldest
	w.mu.Lock()
	w.oldest = needed
	w.mu.Unlock()
	w.cleaning = nil
	if err := w.writeAtEnd(nil); err != nil {
		return err
	}
	if err := w.syncNow(); err != nil {
		return err
	}
	for number := first; number < needed; number++ {
		if err := w.remove(w.segments[number]); err != nil {
			return err
		}
	}
	return nil
}

func (w *WAL) remove(s *segment) error {
	if err := os.Remove(s.path); err != nil {
		return err
	}
	if err := syncDir(w.cfg.Dir); err != nil {
		return err
	}
	w.mu.Lock()
	delete(w.segments, s.number)
	w.mu.Unlock()
	w.allBytes -= s.end
	w.diskBytes.Store(w.allBytes)
	return s.file.Close()
}

// movables lists what is needed of a segment.
func (w *WAL) movables(s *segment) []movable {
	w.mu.Lock()
	groups := make([]*WALGroup, 0, len(w.groups))
	for _, g := range w.groups {
		groups = append(groups, g)
	}
	w.mu.Unlock()
	var found []movable
	for _, g := range groups {
		for name, m := range g.marks { // the writer may look without the lock
			if m.spot.place.number() == s.number {
				found = append(found, movable{group: g, name: name, spot: m.spot})
			}
		}
		for i, spot := range g.spots {
			if spot.place.number() == s.number {
				found = append(found, movable{group: g, index: g.first + uint64(i), spot: spot})
			}
		}
	}
	return found
}

// current reports whether nothing has replaced or deleted the record meanwhile.
func (m *movable) current() bool {
	if m.name != "" {
		now, ok := m.group.marks[m.name]
		return ok && now.spot == m.spot
	}
	now, ok := m.group.spotOf(m.index)
	return ok && now == m.spot
}

// move copies the next records to the end.
func (w *WAL) move() error {
	c := w.cleaning
	var batch []*walRequest
	for bytes := 0; len(c.todo) > 0 && bytes < moveBytesMax; {
		m := c.todo[0]
		c.todo = c.todo[1:]
		if !m.current() {
			continue
		}
		r, err := w.readRecord(m.spot)
		if err != nil {
			return fmt.Errorf("move a record: %w", err)
		}
		if r.kind == recordEntry {
			r.kind = recordMoved
		}
		q := newWALRequest(m.group, doneWhenWritten)
		q.add(&r)
		batch = append(batch, q)
		bytes += len(q.buf)
	}
	if len(batch) > 0 {
		if err := w.writeRequests(batch); err != nil {
			return err
		}
		for _, q := range batch {
			w.stats.moved.Add(uint64(len(q.buf)))
		}
	}
	if len(c.todo) > 0 {
		return nil
	}
	w.cleaning = nil // a clean end of it leaves nothing alive in the segment
	return w.removeDead()
}
