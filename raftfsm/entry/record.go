package entry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/holtcache/holt/proto/slot"
)

// FormatVersion is the version of the encoding. A reader that meets another version stops: to guess would diverge.
const FormatVersion = 1

// Kind tells what a log entry carries. The numbers stand on disk: they are never reused.
type Kind uint8

const (
	// KindBatch is a batch of effects.
	KindBatch Kind = 1
	// KindExecutorStart opens a new incarnation; its log index is the incarnation.
	KindExecutorStart Kind = 2
	// KindLeaseRelease says that the leader serves nothing from here on until an ExecutorStart.
	KindLeaseRelease Kind = 3
	// KindOwn makes the shard the owner of slots that nobody owned before.
	KindOwn Kind = 4
	// The kinds of a hand-over of slots (handover.go, chunk.go).
	KindFreeze       Kind = 5
	KindUnfreeze     Kind = 6
	KindDrop         Kind = 7
	KindImport       Kind = 8
	KindChunk        Kind = 9
	KindActivate     Kind = 10
	KindDiscard      Kind = 11
	KindMigrationEnd Kind = 12
)

// Header stands in front of every record.
//
// Incarnation and Sequence are the fence: a record is applied if and only if Incarnation is that of the state machine
// and Sequence is the next one. An ExecutorStart carries zeros in both.
type Header struct {
	Kind        Kind
	Incarnation uint64
	Sequence    uint64
	// Time is the shard's clock when the record was sealed, in milliseconds since the Unix epoch. It never goes back
	// from one applied record to the next.
	Time int64
}

// Layout: version, kind, two zero bytes, incarnation, sequence, time (little-endian, 8 bytes each), body, CRC32C of all
// that precedes it.
const (
	headerBytes  = 4 + 3*8
	trailerBytes = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt marks bytes that are not a record: cut short, or changed since they were written.
var ErrCorrupt = errors.New("corrupt log entry")

func appendHeader(dst []byte, h Header) []byte {
	dst = append(dst, FormatVersion, byte(h.Kind), 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, h.Incarnation)
	dst = binary.LittleEndian.AppendUint64(dst, h.Sequence)
	return binary.LittleEndian.AppendUint64(dst, uint64(h.Time))
}

func appendTrailer(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// DecodeHeader checks the frame of a record (length, version, checksum) and returns its header and body.
func DecodeHeader(data []byte) (Header, []byte, error) {
	if len(data) < headerBytes+trailerBytes {
		return Header{}, nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrCorrupt, len(data), headerBytes+trailerBytes)
	}
	end := len(data) - trailerBytes
	if got, want := binary.LittleEndian.Uint32(data[end:]), crc32.Checksum(data[:end], castagnoli); got != want {
		return Header{}, nil, fmt.Errorf("%w: checksum %#08x, want %#08x", ErrCorrupt, got, want)
	}
	if data[0] != FormatVersion || data[2] != 0 || data[3] != 0 {
		return Header{}, nil, fmt.Errorf("log entry of format version %d, flags %#x: this program reads version %d; run the newer program",
			data[0], binary.LittleEndian.Uint16(data[2:]), FormatVersion)
	}
	return PeekHeader(data), data[headerBytes:end], nil
}

// PeekHeader reads the header of a record that was checked before, or was made by this process.
// Data shorter than a header reads as the zero header.
func PeekHeader(data []byte) Header {
	if len(data) < headerBytes {
		return Header{}
	}
	return Header{
		Kind:        Kind(data[1]),
		Incarnation: binary.LittleEndian.Uint64(data[4:]),
		Sequence:    binary.LittleEndian.Uint64(data[12:]),
		Time:        int64(binary.LittleEndian.Uint64(data[20:])),
	}
}

// ExecutorStart is the body of KindExecutorStart. Node and Nonce let an executor know its own.
type ExecutorStart struct {
	Nonce uint64
	Node  string
}

// EncodeExecutorStart makes the record that opens an incarnation.
func EncodeExecutorStart(now int64, s ExecutorStart) []byte {
	dst := appendHeader(nil, Header{Kind: KindExecutorStart, Time: now})
	dst = binary.LittleEndian.AppendUint64(dst, s.Nonce)
	dst = appendBytes(dst, []byte(s.Node))
	return appendTrailer(dst, 0)
}

// DecodeExecutorStart reads the body of KindExecutorStart.
func DecodeExecutorStart(body []byte) (ExecutorStart, error) {
	d := NewDecoder(body)
	s := ExecutorStart{Nonce: d.Uint64(), Node: string(d.Bytes())}
	return s, d.End("executor start")
}

// EncodeLeaseRelease makes the record after which the leader serves nothing.
func EncodeLeaseRelease(h Header) []byte {
	h.Kind = KindLeaseRelease
	return appendTrailer(appendHeader(nil, h), 0)
}

// DecodeLeaseRelease checks the body of KindLeaseRelease, which is empty.
func DecodeLeaseRelease(body []byte) error {
	d := NewDecoder(body)
	return d.End("lease release")
}

// EncodeOwn makes the record by which the shard becomes the owner of slots.
func EncodeOwn(h Header, ranges []slot.Range) []byte {
	h.Kind = KindOwn
	return appendTrailer(appendRanges(appendHeader(nil, h), ranges), 0)
}

// DecodeOwn reads the body of KindOwn.
func DecodeOwn(body []byte) ([]slot.Range, error) {
	d := NewDecoder(body)
	ranges := d.ranges(nil)
	return ranges, d.End("own")
}
