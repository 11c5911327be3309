package logstore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	segmentMagic       = "HOLTWAL\x00"
	segmentVersion     = 1
	segmentHeaderBytes = 64
	segmentSuffix      = ".wal"
)

// place is where a record stands: the number of its segment in the upper half, its offset divided by 8 in the lower.
type place uint64

func placeOf(number uint32, offset int64) place {
	return place(number)<<32 | place(offset/recordAlignBytes)
}

func (p place) number() uint32 { return uint32(p >> 32) }
func (p place) offset() int64  { return int64(uint32(p)) * recordAlignBytes }

func (p place) String() string { return fmt.Sprintf("%s at %d", segmentName(p.number()), p.offset()) }

// segment is one file of the log. Only the newest is written to; the number of each is one more than that of the one
// before, and its header says where that one ends.
type segment struct {
	number uint32
	path   string
	file   *os.File

	salt uint64 // random: a value that looks like a batch record does not pass for one
	end  int64  // of its last record
	size int64  // reserved
	// filled is up to where zeros were written ahead of the records, which may have passed it since.
	filled int64
	live   int64 // bytes of records that a restart still needs; changed by the writer only
}

func (s *segment) at(offset int64) place { return placeOf(s.number, offset) }

func segmentName(number uint32) string { return fmt.Sprintf("%010d%s", number, segmentSuffix) }

// segmentNumbers lists the segments in a folder, in order.
func segmentNumbers(dir string) ([]uint32, error) {
	found, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for _, f := range found {
		name, ok := strings.CutSuffix(f.Name(), segmentSuffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(name, 10, 32)
		if err != nil || segmentName(uint32(n)) != f.Name() {
			return nil, fmt.Errorf("%s is not the name of a segment; move it out of the folder", filepath.Join(dir, f.Name()))
		}
		numbers = append(numbers, uint32(n))
	}
	return numbers, nil
}

// createSegment makes an empty segment that is durable when it returns. previousEnd is where the segment before ends,
// 0 if there is none.
func createSegment(dir string, number uint32, previousEnd, sizeBytes int64) (*segment, error) {
	path := filepath.Join(dir, segmentName(number))
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	salt := binary.LittleEndian.Uint64(random[:])
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = reserve(file, sizeBytes)
	if err == nil {
		_, err = file.WriteAt(encodeSegmentHeader(number, previousEnd, salt), 0)
	}
	if err == nil {
		err = errors.Join(file.Sync(), syncDir(dir))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &segment{number: number, path: path, file: file, salt: salt, end: segmentHeaderBytes, size: sizeBytes}, nil
}

// encodeSegmentHeader: magic | version u32 | number u32 | end of the segment before u64 | salt u64 | zeros | crc32c u32.
func encodeSegmentHeader(number uint32, previousEnd int64, salt uint64) []byte {
	b := make([]byte, 0, segmentHeaderBytes)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, segmentVersion)
	b = binary.LittleEndian.AppendUint32(b, number)
	b = binary.LittleEndian.AppendUint64(b, uint64(previousEnd))
	b = binary.LittleEndian.AppendUint64(b, salt)
	b = append(b, make([]byte, segmentHeaderBytes-4-len(b))...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSegmentHeader(b []byte, number uint32) (previousEnd int64, salt uint64, err error) {
	const body = segmentHeaderBytes - 4
	switch {
	case len(b) < segmentHeaderBytes:
		return 0, 0, errRecordCut
	case string(b[:len(segmentMagic)]) != segmentMagic:
		return 0, 0, errors.New("not a segment of a log")
	case crc32.Checksum(b[:body], castagnoli) != binary.LittleEndian.Uint32(b[body:]):
		return 0, 0, errRecordChecksum
	case binary.LittleEndian.Uint32(b[8:]) != segmentVersion:
		return 0, 0, fmt.Errorf("version %d of the format is unknown; use the program that wrote it", binary.LittleEndian.Uint32(b[8:]))
	case binary.LittleEndian.Uint32(b[12:]) != number:
		return 0, 0, fmt.Errorf("it is segment %d under another name", binary.LittleEndian.Uint32(b[12:]))
	}
	return int64(binary.LittleEndian.Uint64(b[16:])), binary.LittleEndian.Uint64(b[24:]), nil
}
