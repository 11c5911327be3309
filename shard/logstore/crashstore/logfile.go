package crashstore

import (
	"bytes"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
)

// logFile is the log as one run of the process sees it: the volatile image.
type logFile struct {
	disk  *Disk
	epoch uint64

	mu  sync.Mutex // protects the field below; taken alone
	now *image
}

var _ logstore.Backend = (*logFile)(nil)

func (f *logFile) Bounds() (first, last uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.first, f.now.last, nil
}

func (f *logFile) Verified() bool { return false }

func (f *logFile) Read(index uint64, entry *raft.Log) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	stored, ok := f.now.entries[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*entry = *copyEntry(stored)
	return nil
}

func (f *logFile) Append(entries []*raft.Log) error {
	records := make([]record, len(entries))
	for i, entry := range entries {
		records[i].entry = copyEntry(entry)
	}
	return f.write(records, f.disk.cfg.Sync == logstore.SyncAlways)
}

func (f *logFile) Delete(first, last uint64) error {
	return f.write([]record{{first: first, last: last}}, f.disk.cfg.Sync == logstore.SyncAlways)
}

func (f *logFile) Mark(name string) (value []byte, found bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, found = f.now.marks[name]
	return value, found, nil
}

func (f *logFile) SetMark(name string, value []byte) error {
	return f.write([]record{{name: name, value: bytes.Clone(value)}}, true)
}

// write puts records behind the log. With sync it returns when they are durable, and what precedes them too.
func (f *logFile) write(records []record, sync bool) error {
	d := f.disk
	d.mu.Lock()
	if d.ghostLocked(f.epoch) {
		d.mu.Unlock()
		return ErrCrashed
	}
	d.unsynced = append(d.unsynced, records...)
	d.mu.Unlock()
	if sync {
		if err := d.syncLog(f.epoch); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.apply(records)
	return nil
}

func (f *logFile) Close() error { return nil }
