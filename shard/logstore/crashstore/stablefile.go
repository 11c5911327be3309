package crashstore

import (
	"bytes"
	"encoding/binary"
	"maps"
	"sync"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/holtcache/holt/shard/logstore"
)

// stableFile is the stable store as one run of the process sees it. Every write is synced, under every policy.
type stableFile struct {
	disk  *Disk
	epoch uint64

	mu  sync.Mutex // protects the field below; taken alone
	now map[string][]byte
}

var _ logstore.Marks = (*stableFile)(nil)

func (f *stableFile) Mark(name string) (value []byte, found bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, found = f.now[name]
	return value, found, nil
}

// SetMark returns nil to a ghost: raft would panic, and nobody hears a ghost.
func (f *stableFile) SetMark(name string, value []byte) error {
	value = bytes.Clone(value)
	durable := f.disk.fsync(f.epoch, ofStable) == nil && f.disk.putStable(f.epoch, name, value)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now[name] = value
	if durable {
		f.disk.answer(f.epoch, name, value)
	}
	return nil
}

func (f *stableFile) Close() error { return nil }

func (d *Disk) putStable(epoch uint64, name string, value []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ghostLocked(epoch) {
		return false
	}
	d.stable[name] = value
	return true
}

// answer notes that a stable write is about to return: from here on a crash must not lose it.
func (d *Disk) answer(epoch uint64, name string, value []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if epoch == d.epoch {
		d.answered[name] = value
	}
}

func (d *Disk) openStable() *stableFile {
	return &stableFile{disk: d, epoch: d.epoch, now: maps.Clone(d.stable)}
}

// twoStepStable is the planted defect: every key is a write of its own, as in raft-boltdb.
type twoStepStable struct{ file *stableFile }

var _ raft.StableStore = twoStepStable{}

func (s twoStepStable) Set(key, value []byte) error { return s.file.SetMark(string(key), value) }

func (s twoStepStable) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

func (s twoStepStable) Get(key []byte) ([]byte, error) {
	value, found, err := s.file.Mark(string(key))
	if err == nil && !found {
		err = raftboltdb.ErrKeyNotFound
	}
	return value, err
}

func (s twoStepStable) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}
