package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hashicorp/raft"
)

// spot is where a record stands and how long it is, padding included.
type spot struct {
	place place
	bytes uint32
}

// walMark is the current value of a mark.
type walMark struct {
	value []byte
	spot  spot
}

// WALGroup is the Backend of one group in a WAL.
type WALGroup struct {
	wal *WAL
	id  uint64

	mu sync.RWMutex // protects the fields below; never held across I/O. Written by the writer only, once the log is open.
	// spots[i] is where entry first+i stands. Invariant: once the log is open, none is zero.
	first uint64
	spots []spot
	marks map[string]walMark
}

var _ Backend = (*WALGroup)(nil)

// Bounds implements Backend.
func (g *WALGroup) Bounds() (first, last uint64, err error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.spots) == 0 {
		return 0, 0, nil
	}
	return g.first, g.lastLocked(), nil
}

func (g *WALGroup) lastLocked() uint64 { return g.first + uint64(len(g.spots)) - 1 }

func (g *WALGroup) spotOf(index uint64) (spot, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.spots) == 0 || index < g.first || index > g.lastLocked() {
		return spot{}, false
	}
	return g.spots[index-g.first], true
}

// Verified implements Backend: opening the log has read every record.
func (g *WALGroup) Verified() bool { return true }

// Read implements Backend. A record may be moved, or deleted together with its segment, while it is read: then it is
// looked up again.
func (g *WALGroup) Read(index uint64, entry *raft.Log) error {
	for {
		s, ok := g.spotOf(index)
		if !ok {
			return raft.ErrLogNotFound
		}
		r, err := g.wal.readRecord(s)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, errNoSegment) {
			if now, ok := g.spotOf(index); ok && now == s {
				return fmt.Errorf("entry %d of group %d: %w", index, g.id, ErrClosed)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("entry %d of group %d: %w", index, g.id, err)
		}
		if r.group != g.id || r.index != index || r.kind != recordEntry && r.kind != recordMoved {
			return fmt.Errorf("%s: entry %d of group %d: another record stands there: %w", g.wal.pathOf(s.place), index, g.id, ErrDamaged)
		}
		*entry = r.entry()
		return nil
	}
}

// Append implements Backend. Entries that are no commands are synced under every policy: they are rare, a lost
// change of members would leave this node with another idea of what a quorum is, and the amnesia guard itself asks the
// latest configuration for its voters.
func (g *WALGroup) Append(entries []*raft.Log) error {
	q := newWALRequest(g, doneByPolicy)
	for _, entry := range entries {
		r := entryRecord(g.id, entry)
		if r.length() > recordBytesMax {
			return fmt.Errorf("entry %d has %d bytes, more than %d (recordBytesMax)", entry.Index, r.length(), recordBytesMax)
		}
		q.add(&r)
		if entry.Type != raft.LogCommand {
			q.until = doneWhenSynced
		}
	}
	return g.wal.do(q)
}

// Delete implements Backend. It returns after the write under every policy: nothing is acknowledged for it, the next
// synced write carries it, and a deletion that a power cut takes back is decided again by raft.
func (g *WALGroup) Delete(first, last uint64) error {
	r := record{kind: recordCutPrefix, group: g.id, index: last}
	if _, end, err := g.Bounds(); err != nil || last >= end {
		r = record{kind: recordCutSuffix, group: g.id, index: first}
	}
	q := newWALRequest(g, doneWhenWritten)
	q.add(&r)
	return g.wal.do(q)
}

// Mark implements Marks.
func (g *WALGroup) Mark(name string) (value []byte, found bool, err error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	m, found := g.marks[name]
	return bytes.Clone(m.value), found, nil
}

// SetMark implements Marks.
func (g *WALGroup) SetMark(name string, value []byte) error {
	q := newWALRequest(g, doneWhenSynced)
	q.add(&record{kind: recordMark, group: g.id, ext: []byte(name), data: bytes.Clone(value)})
	return g.wal.do(q)
}

// markBegun is a group's first record, so that a log that is empty yet can be told from one that is lost.
const markBegun = "begun"

// Begin makes the log have the group, durably under every sync policy, if it does not have it already.
func (g *WALGroup) Begin() error {
	if g.wal.Has(g.id) {
		return nil
	}
	if err := g.SetMark(markBegun, nil); err != nil {
		return fmt.Errorf("begin the log of group %d: %w", g.id, err)
	}
	return nil
}

// Close implements Marks. The log itself stays open for the other groups.
func (g *WALGroup) Close() error {
	g.wal.release(g)
	return nil
}

// apply brings the group up to a record that stands at s. dead is told of records that nobody needs any more. It is
// used by the writer and, with holes allowed, while the log is opened: a segment that is gone may have held entries
// below or between those that are left, until their moved copies are met.
func (g *WALGroup) apply(r *record, s spot, dead func(spot)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.kind {
	case recordEntry:
		if len(g.spots) > 0 && r.index <= g.lastLocked() {
			return fmt.Errorf("entry %d of group %d comes a second time", r.index, g.id)
		}
		return g.putLocked(r.index, s, dead)
	case recordMoved:
		return g.putLocked(r.index, s, dead)
	case recordCutSuffix:
		g.cutLocked(r.index, ^uint64(0), dead)
	case recordCutPrefix:
		g.cutLocked(0, r.index, dead)
	case recordMark:
		if old, ok := g.marks[string(r.ext)]; ok {
			dead(old.spot)
		}
		if g.marks == nil {
			g.marks = map[string]walMark{}
		}
		g.marks[string(r.ext)] = walMark{bytes.Clone(r.data), s}
	case recordForget:
		g.cutLocked(0, ^uint64(0), dead)
		for _, m := range g.marks {
			dead(m.spot)
		}
		g.marks = nil
	}
	return nil
}

// holeEntriesMax bounds what a hole may cost while the log is opened: far more entries than any group keeps.
const holeEntriesMax = 1 << 22

func (g *WALGroup) putLocked(index uint64, s spot, dead func(spot)) error {
	switch {
	case len(g.spots) == 0:
		g.first, g.spots = index, append(g.spots[:0], s)
	case index < g.first:
		missing := g.first - index
		if missing > holeEntriesMax {
			return fmt.Errorf("entry %d of group %d stands far before %d", index, g.id, g.first)
		}
		g.spots = append(make([]spot, missing, missing+uint64(len(g.spots))), g.spots...)
		g.first, g.spots[0] = index, s
	case index <= g.lastLocked():
		if old := g.spots[index-g.first]; old != (spot{}) {
			dead(old)
		}
		g.spots[index-g.first] = s
	default:
		if index-g.lastLocked() > holeEntriesMax {
			return fmt.Errorf("entry %d of group %d stands far behind %d", index, g.id, g.lastLocked())
		}
		for next := g.lastLocked() + 1; next < index; next++ {
			g.spots = append(g.spots, spot{})
		}
		g.spots = append(g.spots, s)
	}
	return nil
}

// cutLocked deletes from..to, which is a prefix, a suffix, or all.
func (g *WALGroup) cutLocked(from, to uint64, dead func(spot)) {
	if len(g.spots) == 0 || to < g.first || from > g.lastLocked() {
		return
	}
	from, to = max(from, g.first), min(to, g.lastLocked())
	for _, s := range g.spots[from-g.first : to-g.first+1] {
		if s != (spot{}) {
			dead(s)
		}
	}
	if from == g.first {
		g.spots = g.spots[to-g.first+1:]
		g.first = to + 1
	} else {
		g.spots = g.spots[:from-g.first]
	}
	if len(g.spots) == 0 {
		g.first, g.spots = 0, nil
	}
}

// hole returns an entry that is missing between others.
func (g *WALGroup) hole() (uint64, bool) {
	for i, s := range g.spots {
		if s == (spot{}) {
			return g.first + uint64(i), true
		}
	}
	return 0, false
}
