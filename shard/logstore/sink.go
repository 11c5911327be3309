package logstore

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// sink records the boundary when its snapshot is complete and durable.
type sink struct {
	raft.SnapshotSink
	snapshots *Snapshots
	boundary  Boundary
	closed    bool
}

// Close makes the snapshot durable before it records the boundary: raft compacts the log right after.
func (s *sink) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.snapshots.closing <- struct{}{}
	defer func() { <-s.snapshots.closing }()
	if err := s.snapshots.notOlder(s.boundary.Index); err != nil {
		return errors.Join(err, s.SnapshotSink.Cancel())
	}
	if err := s.SnapshotSink.Close(); err != nil {
		return fmt.Errorf("close snapshot %s of group %d: %w", s.ID(), s.snapshots.log.cfg.Group, err)
	}
	if err := s.snapshots.log.RecordBoundary(s.boundary.Index, s.boundary.Term); err != nil {
		return err
	}
	return s.snapshots.keepLog()
}

// Cancel gives the snapshot up.
func (s *sink) Cancel() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.SnapshotSink.Cancel()
}
