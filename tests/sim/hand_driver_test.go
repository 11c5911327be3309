package sim

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// handBroken are mistakes of drivers and of the meta group, each of which some run has to notice.
type handBroken struct {
	unfreezeTimeout, absentMeansAbort, forgetsEarly, commitBeforeFinal, lastDecisionWins, dropEarly, activateEarly, attemptIsIncarnation,
	versionAtCopy, effectsLost bool
}

// handDriver is the driver of one replica: it does something only while the replica serves.
type handDriver struct {
	w     *handWorld
	group int
	r     *coreReplica
	// incarnation is the one that the streams are of, counter numbers them.
	incarnation, counter uint64
	streams              map[uint64]*handStream // by migration

	mu   sync.Mutex // protects the field below
	busy map[handStep]bool
}

// handStep is a control record on its way.
type handStep struct {
	kind      entry.Kind
	migration uint64
	attempt   entry.Attempt
	sequence  uint64
}

// drive lets the driver of a node look at its migrations.
func (w *handWorld) drive(group, node int) {
	r := w.groups[group].nodes[node].coreReplica
	d := w.drivers[r]
	if d == nil {
		d = &handDriver{w: w, group: group, r: r, streams: map[uint64]*handStream{}, busy: map[handStep]bool{}}
		w.drivers[r] = d
	}
	state := r.fsm.State()
	if _, serves := r.exec.Serving(); !serves || state.Incarnation != d.incarnation {
		d.stopStreams()
		d.incarnation = state.Incarnation
		if !serves {
			return
		}
	}
	view := w.view()
	for _, record := range view.records {
		if record.from == group {
			d.source(record, state)
		} else {
			d.target(record, state)
		}
	}
	for _, h := range state.Handovers {
		if _, known := view.find(h.Migration); !known && w.broken.absentMeansAbort {
			d.abort(h)
		}
	}
}

// source drives a migration away from this group.
func (d *handDriver) source(record handRecord, state raftfsm.State) {
	h, begun := state.Handover(record.id)
	lowest, highest := state.EndedFor(record.ranges)
	switch {
	case begun && record.decision == handCommitted:
		d.propose(handStep{kind: entry.KindDrop, migration: record.id}, executor.Control{Make: func(h entry.Header) []byte { return entry.EncodeDrop(h, entry.Drop{Migration: record.id}) }})
	case begun && record.decision == handAborted, begun && d.w.broken.unfreezeTimeout && d.w.r.IntN(6) == 0:
		d.abort(h)
	case begun:
		d.stream(record, state, true)
	case lowest >= record.id:
		d.end(record)
	case record.decision == handAborted:
		d.noteEnd(record)
	case record.decision == handRunning && highest < record.id:
		d.stream(record, state, false)
	}
}

// target drives a migration to this group.
func (d *handDriver) target(record handRecord, state raftfsm.State) {
	h, begun := state.Handover(record.id)
	lowest, highest := state.EndedFor(record.ranges)
	switch {
	case begun && (record.decision == handCommitted || h.Final && d.w.broken.activateEarly):
		d.propose(handStep{kind: entry.KindActivate, migration: record.id}, executor.Control{Make: func(h entry.Header) []byte { return entry.EncodeActivate(h, entry.Activate{Migration: record.id}) }})
	case begun && record.decision == handAborted:
		d.abort(h)
	case begun && h.Final:
		d.w.send(handMsg{kind: handCommit, migration: record.id})
	case begun:
	case lowest >= record.id:
		d.end(record)
	case record.decision == handAborted:
		d.noteEnd(record)
	case record.decision == handRunning && highest < record.id:
		d.propose(handStep{kind: entry.KindImport, migration: record.id}, executor.Control{Make: func(h entry.Header) []byte {
			return entry.EncodeImport(h, entry.Import{Migration: record.id, From: handShard(record.from), Ranges: record.ranges})
		}})
	}
}

// abort takes a hand-over back that has begun here.
func (d *handDriver) abort(h raftfsm.Handover) {
	if h.Side == raftfsm.SideSource {
		d.propose(handStep{kind: entry.KindUnfreeze, migration: h.Migration}, executor.Control{Make: func(header entry.Header) []byte {
			return entry.EncodeUnfreeze(header, entry.Unfreeze{Migration: h.Migration})
		}})
		return
	}
	d.propose(handStep{kind: entry.KindDiscard, migration: h.Migration}, executor.Control{Make: func(header entry.Header) []byte {
		return entry.EncodeDiscard(header, entry.Discard{Migration: h.Migration})
	}})
}

// noteEnd lets this group note the end of a migration that never began here.
func (d *handDriver) noteEnd(record handRecord) {
	d.propose(handStep{kind: entry.KindMigrationEnd, migration: record.id}, executor.Control{Make: func(h entry.Header) []byte {
		return entry.EncodeMigrationEnd(h, entry.MigrationEnd{Migration: record.id, Ranges: record.ranges})
	}})
}

// end tells the meta group that this group is through with a migration.
func (d *handDriver) end(record handRecord) {
	if s := d.streams[record.id]; s != nil {
		s.remove()
		delete(d.streams, record.id)
	}
	if record.decision != handRunning {
		d.w.send(handMsg{kind: handEnd, migration: record.id, group: d.group})
	}
}

// handControlTime is how long a driver waits for a control record.
const handControlTime = 60 * time.Millisecond

// propose proposes a control record unless it is on its way already.
func (d *handDriver) propose(step handStep, c executor.Control) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[step] || len(d.busy) >= 16 {
		return
	}
	d.busy[step] = true
	ctx, cancel := context.WithTimeout(d.w.ctx, handControlTime)
	exec := d.r.exec
	go func() {
		defer cancel()
		_ = exec.Control(ctx, c) // whatever became of it, the state tells
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, step)
	}()
}

// receive lets the target's leader take a chunk.
func (w *handWorld) receive(group int, chunk entry.Chunk) {
	n := w.groups[group].nodes[w.r.IntN(coreNodes)]
	for _, other := range w.groups[group].nodes {
		if _, serves := other.exec.Serving(); serves && (w.healing || w.r.IntN(4) > 0) {
			n = other
		}
	}
	d := w.drivers[n.coreReplica]
	if d == nil {
		return
	}
	if _, taking := n.fsm.State().Handover(chunk.Migration); !taking {
		return
	}
	d.propose(handStep{entry.KindChunk, chunk.Migration, chunk.Attempt, chunk.Sequence}, executor.Control{Make: func(h entry.Header) []byte {
		return entry.EncodeChunk(h, chunk)
	}})
}

// handStream is one attempt to send a migration's slots.
type handStream struct {
	d       *handDriver
	record  handRecord
	attempt entry.Attempt
	remove  func()
	began   raftfsm.State
	todo    []slot.ID        // to be copied
	cursor  store.CopyCursor // in the first of them
	chunks  []entry.Chunk
	final   bool

	mu    sync.Mutex // protects the fields below
	armed map[slot.ID]bool
	queue []entry.Part
}

var _ executor.Tap = (*handStream)(nil)

// EffectsLocked sends effects on a slot of which a part was copied already.
func (s *handStream) EffectsLocked(id slot.ID, effects []entry.Effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed[id] || s.d.w.broken.effectsLost && len(s.todo) == 0 {
		return
	}
	part := entry.Part{Slot: id}
	for _, e := range effects {
		e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
		part.Effects = append(part.Effects, e)
	}
	s.queue = append(s.queue, part)
}

// DroppedLocked sends that a slot was emptied.
func (s *handStream) DroppedLocked(id slot.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed[id] {
		s.queue = append(s.queue, entry.Part{Slot: id, Drop: true})
	}
}

func (d *handDriver) stopStreams() {
	for id, s := range d.streams {
		s.remove()
		delete(d.streams, id)
	}
}

// stream goes on with the stream of a migration, or begins one.
func (d *handDriver) stream(record handRecord, state raftfsm.State, frozen bool) {
	w := d.w
	s := d.streams[record.id]
	switch {
	case s == nil || !w.healing && w.r.IntN(60) == 0:
		d.beginStream(record, state)
		return
	case len(s.todo) > 0:
		s.copyPortion()
	default:
		s.cut(state)
	}
	s.mu.Lock()
	sent := len(s.todo) == 0 && len(s.queue) == 0
	s.mu.Unlock()
	switch {
	case frozen && sent && !s.final:
		s.final = true
		s.send(nil, state)
	case !frozen && len(s.todo) == 0 && w.r.IntN(3) == 0:
		d.propose(handStep{kind: entry.KindFreeze, migration: record.id}, executor.Control{
			Freeze: record.ranges, FreezeTo: handShard(record.to),
			Make: func(h entry.Header) []byte {
				return entry.EncodeFreeze(h, entry.Freeze{Migration: record.id, To: handShard(record.to), Ranges: record.ranges})
			},
		})
	}
	if w.r.IntN(2) == 0 {
		s.resend()
	}
}

func (d *handDriver) beginStream(record handRecord, state raftfsm.State) {
	if old := d.streams[record.id]; old != nil {
		old.remove()
	}
	d.w.stat.streams++
	d.counter++
	s := &handStream{d: d, record: record, attempt: entry.Attempt{Incarnation: d.incarnation, Counter: d.counter}, began: state, armed: map[slot.ID]bool{}}
	if d.w.broken.attemptIsIncarnation {
		s.attempt.Counter = 1
	}
	for _, r := range record.ranges {
		for id := int(r.First); id <= int(r.Last); id++ {
			s.todo = append(s.todo, slot.ID(id))
		}
	}
	s.remove = d.r.exec.AddTap(record.ranges, s)
	d.streams[record.id] = s
}

// copyPortion copies the next key. A slot is armed with its first.
func (s *handStream) copyPortion() {
	id := s.todo[0]
	sl := s.d.r.store.Slot(id)
	sl.RLock()
	defer sl.RUnlock()
	part := entry.Part{Slot: id}
	s.cursor = sl.CopyLocked(s.cursor, 1, 1<<20, func(key []byte, item store.Item) {
		part.Items = append(part.Items, entry.Item{Key: bytes.Clone(key), Value: bytes.Clone(item.Value), Type: item.Type, Part: item.Part, ExpireAt: item.ExpireAt, Version: item.Version, Access: uint32(item.Access)})
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed[id] = true
	s.queue = append(s.queue, part)
	if s.cursor == (store.CopyCursor{}) {
		s.todo = s.todo[1:]
	}
}

// cut makes a chunk of some of what is to be sent.
func (s *handStream) cut(state raftfsm.State) {
	s.mu.Lock()
	n := 0
	if len(s.queue) > 0 {
		n = 1 + s.d.w.r.IntN(len(s.queue))
	}
	parts := slices.Clone(s.queue[:n])
	s.queue = s.queue[n:]
	s.mu.Unlock()
	if n > 0 {
		s.send(parts, state)
	}
}

func (s *handStream) send(parts []entry.Part, state raftfsm.State) {
	c := entry.Chunk{Migration: s.record.id, Attempt: s.attempt, Sequence: uint64(len(s.chunks)), Final: s.final, Version: state.Version, Time: state.Time, Parts: parts}
	if s.d.w.broken.versionAtCopy {
		c.Version = s.began.Version
	}
	s.chunks = append(s.chunks, c)
	s.d.w.stat.chunks++
	s.d.w.send(handMsg{kind: handChunk, group: s.record.to, chunk: c})
	if s.d.w.broken.commitBeforeFinal && s.final {
		s.d.w.send(handMsg{kind: handCommit, migration: s.record.id})
	}
	if s.d.w.broken.dropEarly && s.final {
		d, id := s.d, s.record.id
		d.propose(handStep{kind: entry.KindDrop, migration: id}, executor.Control{Make: func(h entry.Header) []byte { return entry.EncodeDrop(h, entry.Drop{Migration: id}) }})
	}
}

// resend sends again what some replica of the target lacks.
func (s *handStream) resend() {
	state := s.d.w.groups[s.record.to].nodes[s.d.w.r.IntN(coreNodes)].fsm.State()
	from := 0
	if h, ok := state.Handover(s.record.id); ok && h.Attempt == s.attempt {
		from = int(h.Next)
	}
	for i := from; i < min(len(s.chunks), from+8); i++ {
		s.d.w.send(handMsg{kind: handChunk, group: s.record.to, chunk: s.chunks[i]})
	}
}
