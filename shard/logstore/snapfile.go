package logstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/hashicorp/raft"
)

// A snapshot is one file "term-index-milliseconds.snapshot":
//
//	magic 8 | length 4 | CRC32C 4 | that many bytes: raft.SnapshotMeta as JSON, without its size
//	the state
//	length of the state 8 | its CRC32C 4 | CRC32C of these 12 bytes 4 | magic 8
//
// raft.FileSnapshotStore keeps no checksum of the meta data, which say who votes, and reads the state twice to check it.
const (
	snapshotSuffix   = ".snapshot"
	unfinishedSuffix = ".tmp"

	snapMagic     = "HOLTFILE"
	snapEndMagic  = "HOLTDONE"
	snapHeadBytes = 16
	snapTailBytes = 24
	// snapMetaMax bounds what a damaged length makes a reader allocate: a configuration of thousands of members.
	snapMetaMax = 1 << 20
)

func appendSnapHead(dst []byte, meta *raft.SnapshotMeta) ([]byte, error) {
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	dst = append(dst, snapMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(text, castagnoli))
	return append(dst, text...), nil
}

func appendSnapTail(dst []byte, stateBytes uint64, sum uint32) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, stateBytes)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, snapEndMagic...)
}

// snapEnds is what stands around the state in a file.
type snapEnds struct {
	meta raft.SnapshotMeta // Size is that of the state
	// stateAt is where the state begins, sum its CRC32C.
	stateAt int64
	sum     uint32
}

// readSnapEnds reads and checks all of a file but the state.
func readSnapEnds(file *os.File, id string) (*snapEnds, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var head [snapHeadBytes]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return nil, shortAs(err, "its head is cut short")
	}
	length := binary.LittleEndian.Uint32(head[8:])
	if string(head[:8]) != snapMagic || length > snapMetaMax {
		return nil, fmt.Errorf("its head is damaged: %w", ErrBadSnapshot)
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, snapHeadBytes); err != nil {
		return nil, shortAs(err, "its head is cut short")
	}
	e := &snapEnds{stateAt: snapHeadBytes + int64(length)}
	if crc32.Checksum(text, castagnoli) != binary.LittleEndian.Uint32(head[12:]) {
		return nil, fmt.Errorf("its meta data are damaged: %w", ErrBadSnapshot)
	}
	if err := json.Unmarshal(text, &e.meta); err != nil || e.meta.ID != id {
		return nil, fmt.Errorf("its meta data are of %q: %w", e.meta.ID, ErrBadSnapshot)
	}
	var tail [snapTailBytes]byte
	if _, err := file.ReadAt(tail[:], max(info.Size()-snapTailBytes, 0)); err != nil {
		return nil, shortAs(err, "it is cut short")
	}
	e.sum = binary.LittleEndian.Uint32(tail[8:])
	stateBytes := info.Size() - snapTailBytes - e.stateAt
	if stateBytes < 0 || !bytes.Equal(tail[:], appendSnapTail(nil, uint64(stateBytes), e.sum)) {
		return nil, fmt.Errorf("its end is damaged or cut off: %w", ErrBadSnapshot)
	}
	e.meta.Size = stateBytes
	return e, nil
}

// openSnapFile opens a file and checks all of it but the state, where it stands then.
func openSnapFile(path, id string) (*snapEnds, *os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	ends, err := readSnapEnds(file, id)
	if err == nil {
		_, err = file.Seek(ends.stateAt, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return ends, file, nil
}

// shortAs takes the end of a file for damage, and nothing else.
func shortAs(err error, what string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s: %w", what, ErrBadSnapshot)
	}
	return err
}

// snapReader reads a state and checks it on the way: a damaged one ends with an error in place of io.EOF.
type snapReader struct {
	file *os.File
	left int64
	sum  uint32
	want uint32
	// damaged hears of it.
	damaged func(error)
}

func newSnapReader(file *os.File, ends *snapEnds, damaged func(error)) *snapReader {
	return &snapReader{file: file, left: ends.meta.Size, want: ends.sum, damaged: damaged}
}

func (r *snapReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if r.sum == r.want {
			return 0, io.EOF
		}
		err := fmt.Errorf("%s: checksum of its state %#08x, want %#08x: %w", r.file.Name(), r.sum, r.want, ErrBadSnapshot)
		r.damaged(err)
		return 0, err
	}
	n, err := r.file.Read(p[:min(int64(len(p)), r.left)])
	r.sum = crc32.Update(r.sum, castagnoli, p[:n])
	r.left -= int64(n)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		r.damaged(err)
	}
	return n, err
}

func (r *snapReader) Close() error { return r.file.Close() }
