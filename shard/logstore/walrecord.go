package logstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// recordKind says what a record of the write-ahead log does. Values are never reused.
type recordKind uint8

const (
	// recordBatch begins every write. Everything before (index: segment, term: offset) was synced when it was written, and
	// no segment before that numbered time was needed any more. group is the salt of its segment.
	recordBatch recordKind = iota + 1
	// recordEntry is the entry that follows the last one of its group.
	recordEntry
	// recordMoved is an entry again, copied so that the segment of the first copy can be removed.
	recordMoved
	// recordCutSuffix deletes the entries from index on.
	recordCutSuffix
	// recordCutPrefix deletes the entries up to index.
	recordCutPrefix
	// recordMark sets the mark named by ext to data.
	recordMark
	// recordForget deletes all that its group has.
	recordForget
)

const (
	recordHeaderBytes = 48
	recordAlignBytes  = 8

	// recordBytesMax is what one frame of the transport can carry; no larger entry ever arrives.
	recordBytesMax = 1 << 30
)

// record is one record of the log. On disk, little-endian, padded with zeros to a multiple of 8 bytes:
//
//	length u32 (without padding) | crc32c u32 | kind u8 | entry type u8 | 0 u16 | length of ext u32 |
//	group u64 | index u64 | term u64 | time i64 | ext | data
//
// The checksum covers everything but itself. A length of 0 is the end of what was written.
type record struct {
	kind               recordKind
	entryType          raft.LogType
	group, index, term uint64
	time               int64 // nanoseconds since 1970, 0 for the zero time
	ext, data          []byte
}

var (
	errRecordCut      = errors.New("record is cut short")
	errRecordChecksum = errors.New("checksum mismatch")
	errRecordForm     = errors.New("not the form of a record")
)

// paddedBytes is the room that a record of that length takes.
func paddedBytes(length int) int { return (length + recordAlignBytes - 1) &^ (recordAlignBytes - 1) }

func (r *record) length() int { return recordHeaderBytes + len(r.ext) + len(r.data) }

func appendRecord(b []byte, r *record) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.length()))
	b = append(b, 0, 0, 0, 0, byte(r.kind), byte(r.entryType), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.ext)))
	b = binary.LittleEndian.AppendUint64(b, r.group)
	b = binary.LittleEndian.AppendUint64(b, r.index)
	b = binary.LittleEndian.AppendUint64(b, r.term)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.time))
	b = append(b, r.ext...)
	b = append(b, r.data...)
	binary.LittleEndian.PutUint32(b[start+4:], recordChecksum(b[start:]))
	for len(b)%recordAlignBytes != start%recordAlignBytes {
		b = append(b, 0)
	}
	return b
}

func recordChecksum(b []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, b[:4]), castagnoli, b[8:])
}

// decodeRecord takes the record at the beginning of b apart, and says how much room it takes. ext and data share b's
// memory.
func decodeRecord(b []byte) (r record, room int, err error) {
	if len(b) < recordHeaderBytes {
		return r, 0, errRecordCut
	}
	length := binary.LittleEndian.Uint32(b)
	ext := binary.LittleEndian.Uint32(b[12:])
	switch {
	case length < recordHeaderBytes || length > recordBytesMax || ext > length-recordHeaderBytes:
		return r, 0, errRecordForm
	case uint64(length) > uint64(len(b)):
		return r, 0, errRecordCut
	}
	b = b[:length:length]
	if binary.LittleEndian.Uint32(b[4:]) != recordChecksum(b) {
		return r, 0, errRecordChecksum
	}
	r = record{
		kind:      recordKind(b[8]),
		entryType: raft.LogType(b[9]),
		group:     binary.LittleEndian.Uint64(b[16:]),
		index:     binary.LittleEndian.Uint64(b[24:]),
		term:      binary.LittleEndian.Uint64(b[32:]),
		time:      int64(binary.LittleEndian.Uint64(b[40:])),
		ext:       b[recordHeaderBytes : recordHeaderBytes+ext : recordHeaderBytes+ext],
		data:      b[recordHeaderBytes+ext:],
	}
	if r.kind < recordBatch || r.kind > recordForget {
		return r, 0, errRecordForm
	}
	return r, paddedBytes(int(length)), nil
}

func entryRecord(group uint64, entry *raft.Log) record {
	r := record{kind: recordEntry, entryType: entry.Type, group: group, index: entry.Index, term: entry.Term,
		ext: entry.Extensions, data: entry.Data}
	if !entry.AppendedAt.IsZero() {
		r.time = entry.AppendedAt.UnixNano()
	}
	return r
}

// entry shares the record's memory. Empty and nil are the same on disk.
func (r *record) entry() raft.Log {
	entry := raft.Log{Index: r.index, Term: r.term, Type: r.entryType}
	if len(r.data) > 0 {
		entry.Data = r.data
	}
	if len(r.ext) > 0 {
		entry.Extensions = r.ext
	}
	if r.time != 0 {
		entry.AppendedAt = time.Unix(0, r.time).UTC()
	}
	return entry
}
