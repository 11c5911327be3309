package logstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// windowBytes is how much of a segment is in memory at a time while a start reads it. Memory for all of it would be touched
// once and thrown away.
const windowBytes = 1 << 20

// segmentWindow is the part of a segment that is being read.
type segmentWindow struct {
	segment *segment
	size    int64 // of what is to be read
	step    int   // how much is read at a time, or a record where that is larger
	from    int64 // where buf begins
	buf     []byte
}

// openWindow begins to read a segment, in buf's memory where it fits. A step of 0 is windowBytes.
func openWindow(s *segment, buf []byte, step int) (*segmentWindow, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	if step == 0 {
		step = windowBytes
	}
	return &segmentWindow{segment: s, size: info.Size(), step: step, buf: buf[:0]}, nil
}

// at returns what stands at an offset: so many bytes, or all up to the end where those are fewer, and what else is in memory. It
// is there until the next call.
func (w *segmentWindow) at(offset int64, count int) ([]byte, error) {
	left := w.size - offset
	count = int(min(int64(count), left))
	if have := w.from + int64(len(w.buf)) - offset; offset >= w.from && have >= int64(count) {
		b := w.buf[offset-w.from:]
		return b[:min(int64(len(b)), left)], nil
	}
	count = int(min(int64(max(count, w.step)), left))
	if cap(w.buf) < count {
		w.buf = make([]byte, count)
	}
	w.from, w.buf = offset, w.buf[:count]
	if _, err := io.ReadFull(io.NewSectionReader(w.segment.file, offset, int64(count)), w.buf); err != nil {
		w.buf = w.buf[:0]
		return nil, fmt.Errorf("read %s: %w", w.segment.path, err)
	}
	return w.buf, nil
}

// record returns at least the whole record that stands at an offset, or what there is of it.
func (w *segmentWindow) record(offset int64) ([]byte, error) {
	b, err := w.at(offset, recordHeaderBytes)
	if err != nil || len(b) < recordHeaderBytes {
		return b, err
	}
	if length := binary.LittleEndian.Uint32(b); length > uint32(len(b)) && length <= recordBytesMax {
		return w.at(offset, int(length))
	}
	return b, nil
}

// zeroFrom tells whether there are only zeros from an offset on.
func (w *segmentWindow) zeroFrom(offset int64) (bool, error) {
	for offset < w.size {
		b, err := w.at(offset, 1)
		if err != nil || !isZero(b) {
			return false, err
		}
		offset += int64(len(b))
	}
	return true, nil
}

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}
