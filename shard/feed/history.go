package feed

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Move is a hand-over of slots that has ended here with a new owner.
type Move struct {
	Migration uint64
	// To is the shard that has the slots now, 0 where they have come to this one.
	To     slot.ShardID
	Ranges []slot.Range
	// At is behind the record by which they left, or came.
	At Position
}

const (
	// marksMax is how many marks are kept: at one a second, some minutes of single seconds and hours of ever longer stretches.
	marksMax = 1024
	// movesMax is how many moves are kept. Each is a list of ranges.
	movesMax = 256
)

// history is what a reader has to know of a log and cannot find in it.
type history struct {
	// since is from where on all moves are known.
	since uint64
	moves []Move     // in the order of the log
	marks []Position // in the order of the log
}

// mark notes a position, at which readers may begin who come with a version.
func (h *history) mark(p Position) {
	if n := len(h.marks); n > 0 && p.Index <= h.marks[n-1].Index {
		return
	}
	if len(h.marks) == marksMax { // every other one goes
		for i := range marksMax / 2 {
			h.marks[i] = h.marks[2*i+1]
		}
		h.marks = h.marks[:marksMax/2]
	}
	h.marks = append(h.marks, p)
}

func (h *history) move(m Move) {
	if len(h.moves) == movesMax {
		h.since = h.moves[0].At.Index
		h.moves = slices.Delete(h.moves, 0, 1)
	}
	h.moves = append(h.moves, m)
	h.mark(m.At)
}

// restart forgets everything: the log goes on behind a snapshot that was taken at p.
func (h *history) restart(p Position) {
	*h = history{since: p.Index, marks: []Position{p}}
}

// moveAt finds the move that the record at an index has made.
func (h *history) moveAt(index uint64) (m Move, moved, known bool) {
	i := slices.IndexFunc(h.moves, func(m Move) bool { return m.At.Index == index })
	if i < 0 {
		return Move{}, false, index > h.since
	}
	return h.moves[i], true, true
}

// arrival finds where slots have come here by a migration.
func (h *history) arrival(migration uint64, wanted *slotSet) (Position, bool) {
	for i := range h.moves {
		if m := &h.moves[i]; m.Migration == migration && m.To == 0 && wanted.within(m.Ranges) {
			return m.At, true
		}
	}
	return Position{}, false
}

// behind finds the last mark before which all changes have versions up to version, from the log's first entry on. The oldest of
// the marks it could have found is the other result.
func (h *history) behind(version, first uint64, wanted *slotSet) (at Position, found bool, oldest uint64) {
	for i := range h.moves { // what came here later was not here before
		if m := &h.moves[i]; m.To == 0 && wanted.meets(m.Ranges) {
			first = max(first, m.At.Index+1)
		}
	}
	first = max(first, h.since+1)
	for _, p := range h.marks {
		if p.Index+1 < first {
			continue
		}
		if oldest == 0 || p.Version < oldest {
			oldest = p.Version
		}
		if p.Version <= version {
			at, found = p, true
		}
	}
	return at, found, oldest
}
