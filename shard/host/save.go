package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/shard"
)

// ErrSaveRunning says that a snapshot of a shard is being written.
var ErrSaveRunning = errors.New("a snapshot is being written already")

// saving is a pass over all shards that somebody has asked for.
type saving struct {
	mu      sync.Mutex // protects the fields below; held while a pass begins or the host's context ends
	running bool
	began   time.Time
}

// Save writes a snapshot of every shard of this node with all cores, and returns when they are on disk.
func (h *Host) Save(ctx context.Context) error {
	if err := h.beginSaving(func() {}); err != nil {
		return err
	}
	defer h.endSaving()
	return h.saveAll(ctx, raftfsm.PaceFull)
}

// SaveInBackground begins to write a snapshot of every shard of this node, one after the other, so that clients hardly
// notice.
func (h *Host) SaveInBackground() error {
	return h.beginSaving(func() { h.wg.Go(h.saveInBackground) })
}

func (h *Host) saveInBackground() {
	defer h.endSaving()
	if err := h.saveAll(h.ctx, raftfsm.PaceBackground); err != nil && h.ctx.Err() == nil {
		h.cfg.Logger.Warn("a snapshot that was asked for was not taken: the log stays as long as it is. See that the disk has room", "err", err)
	}
}

// beginSaving calls start unless a snapshot is under way or the host is being closed.
func (h *Host) beginSaving(start func()) error {
	h.saving.mu.Lock()
	defer h.saving.mu.Unlock()
	if h.saving.running || h.ctx.Err() != nil {
		return ErrSaveRunning
	}
	for _, r := range h.Replicas() {
		if !r.SaveStatus().Began.IsZero() {
			return ErrSaveRunning
		}
	}
	h.saving.running, h.saving.began = true, time.Now()
	start()
	return nil
}

func (h *Host) endSaving() {
	h.saving.mu.Lock()
	defer h.saving.mu.Unlock()
	h.saving.running = false
}

// end makes sure that nothing begins after the context has ended.
func (s *saving) end(cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cancel()
}

// saveAll saves what it can: one shard's trouble is no reason to leave the others.
func (h *Host) saveAll(ctx context.Context, pace raftfsm.Pace) error {
	var errs []error
	for _, r := range h.Replicas() {
		errs = append(errs, r.Save(ctx, pace))
	}
	return errors.Join(errs...)
}

// Saving tells since when snapshots of all shards are being written that somebody has asked for; ok is false where none are.
func (h *Host) Saving() (since time.Time, ok bool) {
	h.saving.mu.Lock()
	defer h.saving.mu.Unlock()
	return h.saving.began, h.saving.running
}

// SaveStatus tells of the snapshots of each shard of this node.
func (h *Host) SaveStatus() []shard.SaveStatus {
	var all []shard.SaveStatus
	for _, r := range h.Replicas() {
		all = append(all, r.SaveStatus())
	}
	return all
}

// LogBytes is what the logs of this node take on disk.
func (h *Host) LogBytes() int64 {
	if w := h.cfg.Folder.WAL; w != nil {
		return w.Stats().DiskBytes
	}
	sum := int64(0)
	for _, r := range h.Replicas() {
		if info, err := os.Stat(h.logPath(r.Group())); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// logPath is where a shard's log is with LogStoreBolt.
func (h *Host) logPath(id slot.ShardID) string {
	return h.cfg.Folder.path(filepath.Join(shardsFolder, groupName(id), logFile))
}
