package logstore

import (
	"errors"
	"hash/crc32"
	"os"
	"strings"

	"github.com/hashicorp/raft"
)

// writebackBytes is after how much of a snapshot the kernel is asked to begin writing it to the disk. Otherwise hundreds of
// megabytes would go there at once, and the next fsync of the log would wait behind them.
const writebackBytes = 4 << 20

// snapSink writes one snapshot to a file that has its name only once it is durable.
type snapSink struct {
	folder *snapFolder
	file   snapFile
	meta   raft.SnapshotMeta
	stateAt,
	written, flushed int64
	sum    uint32
	failed error
	closed bool
}

var _ raft.SnapshotSink = (*snapSink)(nil)

func newSnapSink(f *snapFolder, file snapFile, meta raft.SnapshotMeta) (*snapSink, error) {
	s := &snapSink{folder: f, file: file, meta: meta}
	head, err := appendSnapHead(nil, &meta)
	if err == nil {
		s.stateAt = int64(len(head))
		_, err = file.Write(head)
	}
	if err != nil {
		return nil, errors.Join(err, s.Cancel())
	}
	return s, nil
}

func (s *snapSink) ID() string { return s.meta.ID }

func (s *snapSink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	s.written += int64(n)
	if err != nil {
		s.failed = err
		return n, err
	}
	if s.written-s.flushed >= writebackBytes {
		beginWriteback(s.file, s.stateAt+s.flushed, s.written-s.flushed)
		s.flushed = s.written
	}
	return n, nil
}

// Close makes the snapshot durable, then visible. After an error there is nothing left of it: nobody may rely on it, least
// of all by deleting log entries.
func (s *snapSink) Close() error {
	if s.closed {
		return nil
	}
	if s.failed != nil {
		return errors.Join(s.failed, s.Cancel())
	}
	s.closed = true
	_, err := s.file.Write(appendSnapTail(nil, uint64(s.written), s.sum))
	if err == nil {
		err = s.file.Sync()
	}
	name := s.file.Name()
	if err = errors.Join(err, s.file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	final := strings.TrimSuffix(name, unfinishedSuffix)
	if err := os.Rename(name, final); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	if err := syncDir(s.folder.dir); err != nil {
		return errors.Join(err, os.Remove(final))
	}
	s.meta.Size = s.written
	s.folder.publish(&snapEnds{meta: s.meta, stateAt: s.stateAt, sum: s.sum})
	return nil
}

// Cancel gives the snapshot up.
func (s *snapSink) Cancel() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
