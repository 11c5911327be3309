package crashstore

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/raft"
)

// snapshotsRetained is what logstore.OpenSnapshots keeps, too.
const snapshotsRetained = 2

// snapshot is a complete, durable snapshot. Immutable.
type snapshot struct {
	meta  raft.SnapshotMeta
	state []byte
}

// snapshotStore is a raft.SnapshotStore on a Disk. Snapshots are durable when their sink closes, as files are.
type snapshotStore struct {
	disk  *Disk
	epoch uint64
}

var _ raft.SnapshotStore = (*snapshotStore)(nil)

func (s *snapshotStore) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.nextID++
	return &memorySink{store: s, meta: raft.SnapshotMeta{
		Version:            version,
		ID:                 fmt.Sprintf("%d-%d-%d", term, index, s.disk.nextID),
		Index:              index,
		Term:               term,
		Configuration:      configuration.Clone(),
		ConfigurationIndex: configurationIndex,
	}}, nil
}

func (s *snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	var metas []*raft.SnapshotMeta
	for _, snap := range slices.Backward(s.disk.snapshots) {
		meta := snap.meta
		metas = append(metas, &meta)
	}
	return metas, nil
}

func (s *snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	for _, snap := range s.disk.snapshots {
		if snap.meta.ID == id {
			meta := snap.meta
			return &meta, io.NopCloser(bytes.NewReader(snap.state)), nil
		}
	}
	return nil, nil, fmt.Errorf("snapshot %s is not on this disk", id)
}

// memorySink collects the state of a snapshot under way; a crash loses it.
type memorySink struct {
	store *snapshotStore
	meta  raft.SnapshotMeta
	state bytes.Buffer
}

func (k *memorySink) Write(p []byte) (int, error) { return k.state.Write(p) }
func (k *memorySink) ID() string                  { return k.meta.ID }
func (k *memorySink) Cancel() error               { return nil }

func (k *memorySink) Close() error {
	d := k.store.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ghostLocked(k.store.epoch) {
		return ErrCrashed
	}
	k.meta.Size = int64(k.state.Len())
	d.snapshots = append(d.snapshots, &snapshot{meta: k.meta, state: k.state.Bytes()})
	if extra := len(d.snapshots) - snapshotsRetained; extra > 0 {
		d.snapshots = slices.Delete(d.snapshots, 0, extra)
	}
	return nil
}
