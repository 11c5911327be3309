package logstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// load reads all segments, in order, and brings every group up to them. It ends with a new segment: what a crash left
// behind the end of the last one is never written over, so it cannot come back to life.
func (w *WAL) load() error {
	numbers, err := segmentNumbers(w.cfg.Dir)
	if err != nil {
		return err
	}
	ends, err := w.openSegments(numbers)
	if err != nil {
		return err
	}
	if len(ends) == 0 && w.readOnly {
		return nil
	}
	if len(ends) == 0 {
		first, err := createSegment(w.cfg.Dir, w.firstNumber(numbers), 0, w.cfg.SegmentBytes)
		if err != nil {
			return err
		}
		w.use(first)
		return nil
	}
	var synced place
	var needed uint32
	var buf []byte
	for i, end := range ends {
		s := w.segments[w.oldest+uint32(i)]
		window, err := openWindow(s, buf, w.cfg.window)
		if err != nil {
			return err
		}
		size := window.size
		scan := segmentScan{wal: w, segment: s, window: window, synced: &synced, needed: &needed}
		if i < len(ends)-1 {
			err = scan.whole(end)
		} else {
			err = scan.tail()
		}
		if err != nil {
			return err
		}
		w.allBytes += s.end
		buf = window.buf
		if w.cfg.Loaded != nil {
			if err := w.cfg.Loaded(size, scan.entries); err != nil {
				return err
			}
		}
	}
	if needed != 0 && w.oldest > needed {
		return fmt.Errorf("%s: segments %d to %d are missing: %w", w.cfg.Dir, needed, w.oldest-1, ErrDamaged)
	}
	for _, g := range w.groups {
		if index, missing := g.hole(); missing {
			return fmt.Errorf("%s: entry %d of group %d is missing: %w", w.cfg.Dir, index, g.id, ErrDamaged)
		}
	}
	if w.readOnly {
		w.diskBytes.Store(w.allBytes)
		return nil
	}
	return w.beginAfter(w.segments[w.oldest+uint32(len(ends))-1], synced)
}

// firstNumber continues behind a segment that a crash left without a header.
func (w *WAL) firstNumber(numbers []uint32) uint32 {
	if len(numbers) > 0 {
		return numbers[0]
	}
	return 1
}

// openSegments opens the files and returns where each ends, as the header of the next one says; 0 for the last. A last
// one without a header and without a batch is what a crash left of its creation, and is removed.
func (w *WAL) openSegments(numbers []uint32) (ends []int64, err error) {
	for i, number := range numbers {
		path := filepath.Join(w.cfg.Dir, segmentName(number))
		if i > 0 && number != numbers[i-1]+1 {
			return nil, fmt.Errorf("%s: segments %d to %d are missing: %w", w.cfg.Dir, numbers[i-1]+1, number-1, ErrDamaged)
		}
		mode := os.O_RDWR
		if w.readOnly {
			mode = os.O_RDONLY
		}
		file, err := os.OpenFile(path, mode, 0)
		if err != nil {
			return nil, err
		}
		s := &segment{number: number, path: path, file: file, end: segmentHeaderBytes}
		header := make([]byte, segmentHeaderBytes)
		n, err := file.ReadAt(header, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, file.Close())
		}
		previousEnd, salt, err := decodeSegmentHeader(header[:n], number)
		if err != nil {
			if i == len(numbers)-1 {
				unborn, removeErr := w.removeUnborn(s)
				if unborn || removeErr != nil {
					return ends, removeErr
				}
			}
			return nil, errors.Join(fmt.Errorf("%s: offset 0: %w: %w", path, err, ErrDamaged), file.Close())
		}
		if i == 0 {
			w.oldest = number
		} else {
			ends[i-1] = previousEnd
		}
		s.salt = salt
		w.segments[number] = s
		ends = append(ends, 0)
	}
	return ends, nil
}

// removeUnborn removes a segment that was never written to: its header is durable before its first batch.
func (w *WAL) removeUnborn(s *segment) (bool, error) {
	whole, err := s.read()
	if err != nil {
		return false, errors.Join(err, s.file.Close())
	}
	if _, found := nextBatch(whole, 0, 0, func(uint64) bool { return true }); found {
		return false, nil
	}
	if w.readOnly {
		w.cut = &TailCut{Path: s.path, Reason: "it was never written to"}
		return true, s.file.Close()
	}
	return true, errors.Join(s.file.Close(), os.Remove(s.path), syncDir(w.cfg.Dir))
}

// beginAfter makes everything up to the end of the last segment durable and begins another. Pages that were written
// but not synced are written again: after a failed fsync the kernel counts them as clean, and a later fsync would leave
// them out.
func (w *WAL) beginAfter(last *segment, synced place) error {
	if last.end == segmentHeaderBytes && w.cut == nil {
		w.newest = last
		w.synced.begin(last)
		w.diskBytes.Store(w.allBytes)
		return nil
	}
	from := int64(segmentHeaderBytes)
	if synced.number() == last.number {
		from = max(from, synced.offset())
	}
	again := make([]byte, last.end-from)
	if _, err := last.file.ReadAt(again, from); err != nil {
		return err
	}
	if len(again) > 0 {
		if _, err := last.file.WriteAt(again, from); err != nil {
			return err
		}
	}
	if err := syncData(last.file); err != nil {
		return err
	}
	next, err := createSegment(w.cfg.Dir, last.number+1, last.end, w.cfg.SegmentBytes)
	if err != nil {
		return err
	}
	w.use(next)
	w.diskBytes.Store(w.allBytes)
	return last.file.Truncate(last.end)
}

// read returns the whole file.
func (s *segment) read() ([]byte, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	whole := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(s.file, 0, info.Size()), whole); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.path, err)
	}
	return whole, nil
}

// segmentScan reads the records of one segment.
type segmentScan struct {
	wal     *WAL
	segment *segment
	window  *segmentWindow
	synced  *place  // the highest that any batch so far has known
	needed  *uint32 // the oldest segment that was needed, as the last batch so far says
	entries int     // that stand in the segment
}

// whole scans a segment that must verify up to end.
func (c *segmentScan) whole(end int64) error {
	if end < segmentHeaderBytes || end > c.window.size {
		return fmt.Errorf("%s has %d bytes, the next segment says that it ends at %d: %w", c.segment.path, c.window.size, end, ErrDamaged)
	}
	c.window.size = end
	for c.segment.end < end {
		b, err := c.window.record(c.segment.end)
		if err != nil {
			return err
		}
		if err := c.step(b); err != nil {
			return c.damaged(err)
		}
	}
	return nil
}

// tail scans the newest segment. Where a record does not verify, a batch further on tells whether it was synced once.
func (c *segmentScan) tail() error {
	for c.segment.end < c.window.size {
		if zero, err := c.window.zeroFrom(c.segment.end); zero || err != nil {
			return err
		}
		b, err := c.window.record(c.segment.end)
		if err != nil {
			return err
		}
		wrong := c.step(b)
		if wrong == nil {
			continue
		}
		whole, err := c.segment.read()
		if err != nil {
			return err
		}
		if batch, found := nextBatch(whole, c.segment.end+recordAlignBytes, c.segment.at(c.segment.end), c.ofSegment); found {
			return c.damaged(fmt.Errorf("%w; it was synced before what stands at offset %d", wrong, batch))
		}
		if errors.Is(wrong, errReplay) {
			return c.damaged(wrong)
		}
		c.wal.cut = &TailCut{Path: c.segment.path, Offset: c.segment.end, Reason: wrong.Error()}
		return nil
	}
	return nil
}

// errReplay says that a record verifies but contradicts what stands before it.
var errReplay = errors.New("record contradicts those before it")

// step takes the record that b begins with.
func (c *segmentScan) step(b []byte) error {
	r, room, err := decodeRecord(b)
	if err != nil {
		return err
	}
	room = min(room, int(c.window.size-c.segment.end)) // the padding of the last record may be missing
	here := spot{c.segment.at(c.segment.end), uint32(room)}
	if r.kind == recordBatch {
		if !c.ofSegment(r.group) {
			return fmt.Errorf("%w: a batch of another segment", errReplay)
		}
		*c.needed = uint32(r.time)
		*c.synced = max(*c.synced, placeOf(uint32(r.index), int64(r.term)))
	} else if err := c.wal.apply(c.wal.groupLocked(r.group), &r, here); err != nil {
		return fmt.Errorf("%w: %w", errReplay, err)
	} else if r.kind == recordEntry || r.kind == recordMoved {
		c.entries++
	}
	c.segment.end += int64(room)
	return nil
}

// ofSegment tells a batch of this segment by its salt.
func (c *segmentScan) ofSegment(salt uint64) bool { return salt == c.segment.salt }

func (c *segmentScan) damaged(err error) error {
	return fmt.Errorf("%s: offset %d: %w: %w", c.segment.path, c.segment.end, err, ErrDamaged)
}

// nextBatch finds a batch record at or behind offset that knows of a sync beyond a place.
func nextBatch(buf []byte, offset int64, beyond place, ours func(salt uint64) bool) (int64, bool) {
	offset = int64(paddedBytes(int(offset)))
	for ; offset+recordHeaderBytes <= int64(len(buf)); offset += recordAlignBytes {
		if buf[offset] != recordHeaderBytes || buf[offset+8] != byte(recordBatch) {
			continue
		}
		r, _, err := decodeRecord(buf[offset:])
		if err == nil && r.kind == recordBatch && ours(r.group) && placeOf(uint32(r.index), int64(r.term)) > beyond {
			return offset, true
		}
	}
	return 0, false
}

// WALExists reports whether a folder holds a log.
func WALExists(dir string) (bool, error) {
	numbers, err := segmentNumbers(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return len(numbers) > 0, err
}
