package sim

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// The meta group as drivers see it: a state that changes at once where it is asked to, and is read as it was some changes
// ago.

type handDecision uint8

const (
	handRunning handDecision = iota
	handCommitted
	handAborted
)

// handRecord is a migration that the meta group knows of.
type handRecord struct {
	id       uint64
	from, to int
	units    []int
	ranges   []slot.Range
	decision handDecision
	ended    [handGroups]bool
}

type handMeta struct {
	owner   [handUnits]int // group
	records []handRecord   // by ascending id
	last    uint64
}

func (m *handMeta) find(id uint64) (handRecord, bool) {
	for _, r := range m.records {
		if r.id == id {
			return r, true
		}
	}
	return handRecord{}, false
}

func (w *handWorld) now() *handMeta { return &w.meta[len(w.meta)-1] }

// view is the meta group's state as a node knows it.
func (w *handWorld) view() *handMeta {
	if w.healing {
		return w.now()
	}
	return &w.meta[max(0, len(w.meta)-1-w.r.IntN(4))]
}

// change makes a new present.
func (w *handWorld) change(change func(m *handMeta)) {
	m := *w.now()
	m.records = slices.Clone(m.records)
	change(&m)
	w.meta = append(w.meta, m)
}

// decide ends a migration that runs: the first decision is the only one.
func (w *handWorld) decide(id uint64, d handDecision) {
	r, ok := w.now().find(id)
	if !ok || r.decision != handRunning && !w.broken.lastDecisionWins {
		return
	}
	w.change(func(m *handMeta) {
		for i := range m.records {
			if m.records[i].id == id {
				m.records[i].decision = d
			}
		}
		for _, u := range r.units {
			m.owner[u] = r.from
			if d == handCommitted {
				m.owner[u] = r.to
			}
		}
	})
	if d == handCommitted {
		w.stat.committed++
	} else {
		w.stat.aborted++
	}
}

// noteEnd notes that a group has ended its part; a record that both have ended is forgotten.
func (w *handWorld) noteEnd(id uint64, group int) {
	r, ok := w.now().find(id)
	if !ok || r.decision == handRunning {
		return
	}
	w.change(func(m *handMeta) {
		for i := range m.records {
			if m.records[i].id == id {
				m.records[i].ended[group] = true
			}
		}
		m.records = slices.DeleteFunc(m.records, func(r handRecord) bool { return r.ended == [handGroups]bool{true, true} })
	})
	if _, there := w.now().find(id); !there {
		w.stat.collected++
	}
}

// controller begins migrations and aborts some.
func (w *handWorld) controller() {
	m := w.now()
	for _, r := range m.records {
		if r.decision == handRunning && w.r.IntN(w.patience) == 0 {
			w.send(handMsg{kind: handAbort, migration: r.id})
		}
		if r.decision != handRunning && w.broken.forgetsEarly && w.r.IntN(3) == 0 {
			w.change(func(m *handMeta) {
				m.records = slices.DeleteFunc(m.records, func(o handRecord) bool { return o.id == r.id })
			})
			return
		}
	}
	if w.healing || w.r.IntN(3) > 0 {
		return
	}
	from := w.r.IntN(handGroups)
	var units []int
	for u := range w.units {
		covered := slices.ContainsFunc(m.records, func(r handRecord) bool { return slices.Contains(r.units, u) })
		if !covered && m.owner[u] == from && w.r.IntN(2) == 0 {
			units = append(units, u)
		}
	}
	if len(units) == 0 {
		return
	}
	var ranges []slot.Range
	for _, u := range units {
		ranges = append(ranges, w.units[u].ranges()...)
	}
	w.stat.begun++
	w.change(func(m *handMeta) {
		m.last++
		m.records = append(m.records, handRecord{id: m.last, from: from, to: 1 - from, units: units, ranges: slot.Normalize(ranges)})
	})
}

type handMsgKind uint8

const (
	handChunk  handMsgKind = iota // to the other group
	handCommit                    // to the meta group, and so are the others
	handAbort
	handEnd
)

type handMsg struct {
	kind      handMsgKind
	group     int
	migration uint64
	chunk     entry.Chunk
}

// handMsgsMax bounds what is on its way. What is more is lost.
const handMsgsMax = 80

func (w *handWorld) send(m handMsg) {
	if w.msgs = append(w.msgs, m); len(w.msgs) > handMsgsMax {
		w.msgs = w.msgs[1:]
	}
}

// deliver lets a message arrive: in order or not, once, twice or never.
func (w *handWorld) deliver() {
	if len(w.msgs) == 0 {
		return
	}
	i := 0
	if w.r.IntN(2) == 0 && !w.healing {
		i = w.r.IntN(len(w.msgs))
	}
	m := w.msgs[i]
	if w.healing || w.r.IntN(8) > 0 {
		w.msgs = slices.Delete(w.msgs, i, i+1)
	}
	if !w.healing && w.r.IntN(8) == 0 {
		return
	}
	switch m.kind {
	case handChunk:
		w.receive(m.group, m.chunk)
	case handCommit:
		w.decide(m.migration, handCommitted)
	case handAbort:
		w.decide(m.migration, handAborted)
	case handEnd:
		w.noteEnd(m.migration, m.group)
	}
}
