package raftfsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame is a head of 20 bytes and its body. All numbers are little-endian.
//
//	kind 1 | codec 1 | zero 2 | number 4 | length of the body 4 | its length before it was compressed 4 | CRC32C 4
//
// The checksum is of the 16 bytes before it and the body. Frames are numbered from 0, so that one that is lost, doubled
// or out of its place is found out.
type frameHead [frameHeadBytes]byte

const (
	frameHeadBytes = 20
	frameSumAt     = 16

	frameHeader = 1
	frameChunk  = 2
	frameFooter = 3
	// frameResults counts as a chunk.
	frameResults = 4

	codecNone = 0
	codecS2   = 1

	// frameBytesMax bounds what a damaged or hostile length can make a reader allocate: four times the largest value.
	frameBytesMax = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a frame in memory. body has frameHeadBytes of room in front, so that head and body are one write.
type frame struct {
	kind, codec byte
	rawBytes    int
	body        []byte
}

// frameWriter writes frames one after another.
type frameWriter struct {
	to     io.Writer
	number uint32
}

func (w *frameWriter) write(f frame) error {
	length := len(f.body) - frameHeadBytes
	if length > frameBytesMax || f.rawBytes > frameBytesMax {
		return fmt.Errorf("%d bytes in one frame, at most %d can be written (frameBytesMax)", max(length, f.rawBytes), frameBytesMax)
	}
	head := f.body[:frameHeadBytes]
	clear(head)
	head[0], head[1] = f.kind, f.codec
	binary.LittleEndian.PutUint32(head[4:], w.number)
	binary.LittleEndian.PutUint32(head[8:], uint32(length))
	binary.LittleEndian.PutUint32(head[12:], uint32(f.rawBytes))
	binary.LittleEndian.PutUint32(head[frameSumAt:], frameSum(head, f.body[frameHeadBytes:]))
	w.number++
	_, err := w.to.Write(f.body)
	return err
}

func frameSum(head, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:frameSumAt], castagnoli), castagnoli, body)
}

// frameReader reads what frameWriter wrote.
type frameReader struct {
	from   io.Reader
	number uint32
}

// read reads one frame into buf. Every fault wraps ErrBadSnapshot; so does the end of the stream.
func (r *frameReader) read(buf []byte) (frame, error) {
	var head frameHead
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return frame{}, cut(err)
	}
	length, rawBytes := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[12:])
	if length > frameBytesMax || rawBytes > frameBytesMax {
		return frame{}, fmt.Errorf("%w: frame %d of %d bytes", ErrBadSnapshot, r.number, max(length, rawBytes))
	}
	body, err := readUpTo(r.from, buf[:0], int(length))
	if err != nil {
		return frame{}, cut(err)
	}
	if got, want := frameSum(head[:], body), binary.LittleEndian.Uint32(head[frameSumAt:]); got != want {
		return frame{}, fmt.Errorf("%w: frame %d has checksum %#08x, want %#08x", ErrBadSnapshot, r.number, got, want)
	}
	if number := binary.LittleEndian.Uint32(head[4:]); number != r.number {
		return frame{}, fmt.Errorf("%w: frame %d stands in the place of frame %d", ErrBadSnapshot, number, r.number)
	}
	r.number++
	return frame{kind: head[0], codec: head[1], rawBytes: int(rawBytes), body: body}, nil
}

// readUpTo reads n bytes. Memory grows with what is really there, not with what a damaged length says.
func readUpTo(r io.Reader, dst []byte, n int) ([]byte, error) {
	for len(dst) < n {
		step := min(n-len(dst), max(cap(dst)-len(dst), 1<<20))
		start := len(dst)
		if cap(dst) < start+step {
			dst = append(dst, make([]byte, step)...)
		}
		dst = dst[:start+step]
		if _, err := io.ReadFull(r, dst[start:]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// cut names the end of a stream in the middle for what it is; other errors of reading are not the snapshot's fault.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut short", ErrBadSnapshot)
	}
	return err
}
