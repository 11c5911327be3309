package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"sync"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

var errClosed = errors.New("the node is being stopped")

// Load opens the replicas that this node has already, as many at a time as there are processors where there is much to read, before
// anybody can be asked. From then on it opens what the meta group assigns. It ends early with ctx, with Close, and with the first replica
// that cannot be opened for another reason than damage. It is called once.
func (h *Host) Load(ctx context.Context) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return errClosed
	}
	h.loads.Add(1)
	h.mu.Unlock()
	defer h.loads.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { h.giveUp(ctx.Err()) })
	defer stop()
	known, err := h.knownGroups()
	if err != nil {
		return err
	}
	if err := h.openAll(known); err != nil {
		return err
	}
	h.cfg.Folder.loading.done.Store(true)
	h.transport.HoldBack(nil)
	h.wg.Go(h.openAsAssigned)
	h.signal()
	return nil
}

// giveUp ends Load; the first reason counts.
func (h *Host) giveUp(err error) { h.givenUp.CompareAndSwap(nil, &err) }

// loadStopped says why Load does not go on, nil where it does.
func (h *Host) loadStopped() error {
	if err := h.givenUp.Load(); err != nil {
		return *err
	}
	return nil
}

// knownGroup is a group whose replica is opened without asking anybody.
type knownGroup struct {
	id   slot.ShardID
	mark *storagev1.GroupMark
}

// knownGroups lists the replicas in the data folder. Those of groups that may not have formed are left out: they wait for
// the meta group's state, since their first leader has to know which slots the shard begins with. What is left of one that was
// removed is deleted.
func (h *Host) knownGroups() ([]knownGroup, error) {
	entries, err := os.ReadDir(h.cfg.Folder.path(shardsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list shards: %w", err)
	}
	var known []knownGroup
	for _, e := range entries {
		id, err := strconv.ParseUint(e.Name(), 10, 64)
		if err != nil {
			continue
		}
		formed, err := h.cfg.Folder.formed(e.Name())
		if err != nil {
			return nil, err
		}
		mark, err := h.cfg.Folder.mark(e.Name())
		if err != nil {
			return nil, err
		}
		switch {
		case mark.GetPhase() == storagev1.GroupPhase_GROUP_PHASE_REMOVED: // its removal was cut short
			if err := h.cfg.Folder.deleteGroup(slot.ShardID(id)); err != nil {
				return nil, err
			}
		case formed && mark != nil:
			known = append(known, knownGroup{slot.ShardID(id), mark})
		}
	}
	return known, nil
}

// soloBytes is how much one processor reads of snapshots in about a third of a second. Where there is no more a start leaves the
// others to their neighbours: nobody waits for it, but clients may for them.
const soloBytes = 64 << 20

// openers is how many replicas are opened at a time.
func (h *Host) openers() int {
	stats := h.cfg.Folder.loading.Stats()
	if stats.TotalBytes-stats.LoadedBytes < soloBytes {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

func (h *Host) openAll(known []knownGroup) error {
	next := make(chan knownGroup)
	var wg sync.WaitGroup
	for range min(h.openers(), len(known)) {
		wg.Go(func() {
			for g := range next {
				if h.loadStopped() != nil {
					continue
				}
				if err := h.openReplica(g.id, g.mark); err != nil && !h.setAside(g.id, err) {
					h.giveUp(err)
				}
			}
		})
	}
	for _, g := range known {
		next <- g
	}
	close(next)
	wg.Wait()
	return h.loadStopped()
}
