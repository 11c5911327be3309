package raftfsm

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// slotsAtOnce is how many slots a worker takes at a time: two million keys in all slots make a few chunks of them.
const slotsAtOnce = 64

// frameKeptMax is up to how large the memory of a chunk is used again: that of a large value is not.
const frameKeptMax = 4 * chunkBytes

// snapshotWriter writes a capture: workers make chunks of its slots, the caller of write puts them into the stream.
type snapshotWriter struct {
	capture *store.Capture
	results session.Capture
	frames  frameWriter
	own     *snapshots

	next   atomic.Int64 // the slot with which the next worker goes on
	keys   atomic.Uint64
	states [slot.Count]store.SlotState // each written by the worker that has the slot
	chunks chan frame
	spare  chan []byte   // memory of frames that are written
	quit   chan struct{} // closed when writing has failed
	// unfinished tells that a worker has ended before its slots.
	unfinished atomic.Bool
}

func newSnapshotWriter(capture *store.Capture, results session.Capture, to io.Writer, own *snapshots) *snapshotWriter {
	return &snapshotWriter{
		capture: capture, results: results, frames: frameWriter{to: to}, own: own,
		chunks: make(chan frame), spare: make(chan []byte, 2*runtime.GOMAXPROCS(0)), quit: make(chan struct{}),
	}
}

// header is the state as it stands in a snapshot.
func (s *snapshot) header() *storagev1.SnapshotHeader {
	h := &storagev1.SnapshotHeader{
		FormatVersion: snapshotPlain,
		Group:         s.group,
		AppliedIndex:  s.state.Applied,
		AppliedTerm:   s.state.AppliedTerm,
		Incarnation:   s.state.Incarnation,
		Sequence:      s.state.Sequence,
		Version:       s.state.Version,
		TimeMs:        s.state.Time,
		Released:      s.state.Released,
		Assigned:      s.state.Assigned,
	}
	if s.state.handoverHeader(h); len(h.Handovers)+len(h.Ended) > 0 {
		h.FormatVersion = snapshotHandovers
	}
	if !s.results.Empty(s.state.Time) {
		h.FormatVersion = snapshotResults
	}
	if s.capture.WithFields() {
		h.FormatVersion = snapshotFields
	}
	if s.stamps != store.StampsLRU {
		h.StampKind = uint32(s.stamps)
	}
	return h
}

func (w *snapshotWriter) write(header *storagev1.SnapshotHeader) error {
	if _, err := io.WriteString(w.frames.to, snapshotMagic); err != nil {
		return err
	}
	if err := w.message(frameHeader, header); err != nil {
		return err
	}
	written, err := w.writeChunks()
	if err != nil {
		return err
	}
	results, err := w.writeResults(header.TimeMs)
	if err != nil {
		return err
	}
	return w.message(frameFooter, &storagev1.SnapshotFooter{
		ChunkCount: uint32(written + results), KeyCount: w.keys.Load(),
		Owned: w.slotsIn(store.SlotOwned), Frozen: w.slotsIn(store.SlotFrozen), Importing: w.slotsIn(store.SlotImporting),
	})
}

func (w *snapshotWriter) slotsIn(state store.SlotState) []*storagev1.SlotRange {
	var ranges []slot.Range
	for id := range w.states {
		if w.states[id] == state {
			ranges = append(ranges, slot.Range{First: slot.ID(id), Last: slot.ID(id)})
		}
	}
	return rangeMessages(slot.Normalize(ranges))
}

func (w *snapshotWriter) message(kind byte, m proto.Message) error {
	body, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(make([]byte, frameHeadBytes), m)
	if err != nil {
		return err
	}
	return w.frames.write(frame{kind: kind, rawBytes: len(body) - frameHeadBytes, body: body})
}

// writeChunks returns when no worker is left.
func (w *snapshotWriter) writeChunks() (written int, err error) {
	workers := 1
	if Pace(w.own.pace.Load()) == PaceFull {
		workers = runtime.GOMAXPROCS(0)
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			worker := snapshotWorker{w: w, pacer: pacer{own: w.own}}
			worker.run()
		})
	}
	go func() {
		running.Wait()
		close(w.chunks)
	}()
	for f := range w.chunks {
		if err != nil {
			continue
		}
		select {
		case <-w.own.stop:
			err = errStopped
		default:
			err = w.frames.write(f)
		}
		if err != nil {
			close(w.quit)
			continue
		}
		written++
		if cap(f.body) <= frameKeptMax {
			select {
			case w.spare <- f.body:
			default:
			}
		}
	}
	if err == nil && w.unfinished.Load() {
		err = errStopped
	}
	return written, err
}

// snapshotWorker makes chunks, one at a time.
type snapshotWorker struct {
	w     *snapshotWriter
	pacer pacer
	chunk chunk
}

func (k *snapshotWorker) run() {
	k.pacer.begin()
	for k.pacer.going() {
		first := k.w.next.Add(slotsAtOnce) - slotsAtOnce
		if first >= slot.Count {
			return
		}
		if !k.slots(slot.ID(first)) {
			break
		}
	}
	k.w.unfinished.Store(true)
}

// slots makes the chunks of slotsAtOnce slots and tells whether to go on.
func (k *snapshotWorker) slots(first slot.ID) bool {
	for id := first; id < min(first+slotsAtOnce, slot.Count); id++ {
		if !k.slot(id) {
			return false
		}
	}
	return len(k.chunk.raw) == 0 || k.flush()
}

// slot adds one slot and tells whether to go on.
func (k *snapshotWorker) slot(id slot.ID) bool {
	captured := k.w.capture.Slot(id)
	defer captured.Done()
	k.w.states[id] = captured.State
	if captured.Len() == 0 {
		return true
	}
	k.w.keys.Add(uint64(captured.Len()))
	for key, item := range captured.All() {
		if !k.chunk.inPart {
			k.chunk.beginPart(id)
		}
		k.chunk.add(key, &item)
		if k.chunk.full() {
			k.chunk.endPart()
			if !k.flush() {
				return false
			}
		}
	}
	if k.chunk.inPart {
		k.chunk.endPart()
	}
	return true
}

// flush hands the chunk over, then rests as the pace demands. It tells whether to go on.
func (k *snapshotWorker) flush() bool {
	var buf []byte
	select {
	case buf = <-k.w.spare:
	default:
	}
	select {
	case k.w.chunks <- k.chunk.compress(buf):
	case <-k.w.quit:
		return false
	}
	if k.chunk.reset(); cap(k.chunk.raw) > frameKeptMax {
		k.chunk.raw = nil
	}
	return k.pacer.rest()
}
