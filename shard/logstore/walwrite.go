package logstore

import (
	"fmt"
	"runtime"
	"time"
)

// walRequest is one write that waits for its batch.
type walRequest struct {
	group *WALGroup
	buf   []byte // its records, encoded
	parts []walPart
	until walDone
	done  chan error
}

// walDone says when a request is done.
type walDone uint8

const (
	doneWhenWritten walDone = iota + 1
	doneWhenSynced
	// doneByPolicy is one of these, by the sync policy at the time of the write.
	doneByPolicy
)

// walPart is one record of a request. The writer learns from it what the record does.
type walPart struct {
	record record
	offset int // in buf
	bytes  int
}

func newWALRequest(g *WALGroup, until walDone) *walRequest {
	return &walRequest{group: g, until: until, done: make(chan error, 1)}
}

func (q *walRequest) add(r *record) {
	start := len(q.buf)
	if need := start + paddedBytes(r.length()); need > cap(q.buf) {
		grown := make([]byte, start, max(need, 2*start))
		copy(grown, q.buf)
		q.buf = grown
	}
	q.buf = appendRecord(q.buf, r)
	part := *r
	if r.kind != recordMark {
		part.data = nil
	}
	q.parts = append(q.parts, walPart{part, start, len(q.buf) - start})
}

// do hands a request to the writer and waits for it.
func (w *WAL) do(q *walRequest) error {
	w.mu.Lock()
	if w.stopped != nil {
		defer w.mu.Unlock()
		return w.stopped
	}
	w.pending = append(w.pending, q)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // the writer is told already
	}
	return <-q.done
}

// take returns what waits, and nil when nothing does.
func (w *WAL) take() []*walRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.pending
	w.pending = nil
	return taken
}

// write is the writer: everything of any group that came while it was writing and syncing becomes the next batch. It
// ends when the log is closed and nothing is pending, or after an error.
func (w *WAL) write() {
	for {
		runtime.Gosched() // who was just answered may have more: it shares the next fsync
		taken := w.take()
		if len(taken) == 0 {
			select {
			case <-w.wake:
				continue
			case <-w.failed:
				return
			case <-w.quit:
			}
			if taken = w.take(); len(taken) == 0 { // nothing comes any more
				return
			}
		}
		w.busySince.Store(int64(time.Since(w.begin)) + 1)
		err := w.writeAll(taken)
		if err == nil {
			err = w.clean()
		}
		w.busySince.Store(0)
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// writeAll writes requests, syncs as they ask, and answers every one of them.
func (w *WAL) writeAll(taken []*walRequest) error {
	err := w.waitForSync()
	for err == nil && len(taken) > 0 {
		n, bytes := 0, int64(0)
		for n < len(taken) && (n == 0 || bytes+int64(len(taken[n].buf)) <= batchBytesMax) {
			bytes += int64(len(taken[n].buf))
			n++
		}
		err = w.writeBatch(taken[:n])
		taken = taken[n:]
	}
	w.refuse(taken, err)
	return err
}

// batchBytesMax bounds one write, so that a stream of large entries does not make small ones wait for all of it.
const batchBytesMax = 8 << 20

func (w *WAL) writeBatch(batch []*walRequest) error {
	if err := w.writeRequests(batch); err != nil {
		w.refuse(batch, err)
		return err
	}
	always := w.Sync() == SyncAlways
	waiting := batch[:0]
	for _, q := range batch {
		if q.until == doneWhenSynced || q.until == doneByPolicy && always {
			waiting = append(waiting, q)
		} else {
			q.done <- nil
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := w.syncNow(); err != nil {
		w.refuse(waiting, err)
		return err
	}
	for _, q := range waiting {
		q.done <- nil
	}
	return nil
}

func (w *WAL) refuse(requests []*walRequest, err error) {
	for _, q := range requests {
		q.done <- fmt.Errorf("%w: %w", ErrFatal, w.explain(err))
	}
}

// writeRequests puts requests behind the end of the log and brings their groups up to them.
func (w *WAL) writeRequests(batch []*walRequest) error {
	bytes := int64(recordHeaderBytes)
	for _, q := range batch {
		bytes += int64(len(q.buf))
	}
	if end := w.newest.end; end > segmentHeaderBytes && end+bytes > w.cfg.SegmentBytes {
		if err := w.beginSegment(bytes); err != nil {
			return err
		}
	}
	start := w.newest.end + recordHeaderBytes
	buffers := w.buffers[:0]
	for _, q := range batch {
		buffers = append(buffers, q.buf)
	}
	w.buffers = buffers
	if err := w.writeAtEnd(buffers); err != nil {
		return err
	}
	clear(w.buffers)
	w.stats.requests.Add(uint64(len(batch)))
	for _, q := range batch {
		for i := range q.parts {
			p := &q.parts[i]
			s := spot{w.newest.at(start + int64(p.offset)), uint32(p.bytes)}
			if err := w.apply(q.group, &p.record, s); err != nil {
				return err
			}
		}
		start += int64(len(q.buf))
	}
	return nil
}

// apply brings a group up to a record and keeps account of what the segments still hold of use.
func (w *WAL) apply(g *WALGroup, r *record, s spot) error {
	switch r.kind {
	case recordEntry, recordMoved, recordMark:
		w.count(s, +1)
	}
	return g.apply(r, s, func(dead spot) { w.count(dead, -1) })
}

func (w *WAL) count(s spot, sign int64) {
	w.segments[s.place.number()].live += sign * int64(s.bytes)
	w.liveBytes += sign * int64(s.bytes)
}

// writeAtEnd writes a batch record and the buffers behind the end of the newest segment.
func (w *WAL) writeAtEnd(buffers [][]byte) error {
	synced := w.synced.at()
	w.batchBuf = appendRecord(w.batchBuf[:0], &record{kind: recordBatch, group: w.newest.salt, index: uint64(synced.number()), term: uint64(synced.offset()), time: int64(w.oldest)})
	end := w.newest.end
	bytes := int64(len(w.batchBuf))
	for _, b := range buffers {
		bytes += int64(len(b))
	}
	if f := w.cfg.faults.write; f != nil {
		if err := f(); err != nil {
			return err
		}
	}
	all := append([][]byte{w.batchBuf}, buffers...)
	if fill := w.fillBytes(end+bytes, bytes); fill > 0 {
		all = append(all, zeros[:fill])
		w.newest.filled = end + bytes + fill
	}
	if err := writeBuffers(w.newest.file, all, end); err != nil {
		return err
	}
	w.newest.end = end + bytes
	w.allBytes += bytes
	w.diskBytes.Store(w.allBytes)
	w.synced.wrote(w.newest.at(w.newest.end), time.Now())
	if w.Sync() == SyncEverySec { // looked at after the note of the write: see SetSync
		w.wakeSyncer()
	}
	w.stats.writes.Add(1)
	w.stats.bytes.Add(uint64(bytes))
	return nil
}

// fillAheadBytes is how many zeros go behind a batch that reaches beyond what was written before. The first write to reserved blocks
// makes the next fsync write metadata too, so they are written to first many at a time.
const (
	fillAheadBytes = 256 << 10
	blockBytes     = 4096
	// fillBatchMax is how large a batch may be that has zeros behind it: a larger one would have about as many for itself
	// alone, and writing them takes longer than the metadata does.
	fillBatchMax = fillAheadBytes / 2
)

var zeros [fillAheadBytes]byte

// fillBytes is how many zeros to write behind a batch of so many bytes that ends there. Where not every write is synced they
// would cost more than they save.
func (w *WAL) fillBytes(end, bytes int64) int64 {
	if end <= w.newest.filled || bytes > fillBatchMax || w.Sync() != SyncAlways {
		return 0
	}
	return min((end+fillAheadBytes)&^(blockBytes-1), w.newest.size) - end
}

// beginSegment makes a new segment the newest. The one before is synced first, under every policy: so a crash can tear
// the newest only, and all of the others must verify.
func (w *WAL) beginSegment(bytes int64) error {
	if err := w.syncNow(); err != nil {
		return err
	}
	old := w.newest
	s, err := createSegment(w.cfg.Dir, old.number+1, old.end, max(w.cfg.SegmentBytes, segmentHeaderBytes+bytes))
	if err != nil {
		return err
	}
	w.use(s)
	return old.file.Truncate(old.end) // gives back what it did not need
}

// use makes s the newest segment. What came before it is durable.
func (w *WAL) use(s *segment) {
	w.newest = s
	w.allBytes += s.end
	w.mu.Lock()
	w.segments[s.number] = s
	if w.oldest == 0 {
		w.oldest = s.number
	}
	w.mu.Unlock()
	w.synced.begin(s)
}

// fail ends the log: first nothing is accepted any more, then the process is told.
func (w *WAL) fail(err error) {
	w.failOnce.Do(func() {
		explained := w.explain(err)
		w.mu.Lock()
		w.stopped = fmt.Errorf("%w: %w", ErrFatal, explained)
		pending := w.pending
		w.pending = nil
		w.mu.Unlock()
		close(w.failed)
		w.refuse(pending, err)
		w.cfg.Fatal(explained)
	})
}

// explain says of an error that ends the log what to do. Whoever hears of it first stops the process, a group that waited for
// the write perhaps, so all of them hear all of it.
func (w *WAL) explain(err error) error {
	return fmt.Errorf("write-ahead log %s: %w; nothing is acknowledged any more: look at the disk (free space, kernel log),"+
		" then start the node again, it reads back what is durable", w.cfg.Dir, err)
}

func (w *WAL) hasFailed() bool {
	select {
	case <-w.failed:
		return true
	default:
		return false
	}
}
