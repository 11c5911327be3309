package logstore

import (
	"os"
	"sync"
	"time"
)

// syncState is what of the log is durable. The writer and, under everysec, the syncer change it.
type syncState struct {
	mu      sync.Mutex // protects the fields below; never held across I/O
	file    *os.File   // of the newest segment
	written place      // the end of what was written
	synced  place      // the end of what is durable
	since   time.Time  // no write before it is without an fsync; zero if none is
	changed chan struct{}
}

func (s *syncState) at() place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced
}

func (s *syncState) wrote(end place, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = end
	if s.since.IsZero() {
		s.since = now
	}
}

// begin turns to a new segment, behind everything that is durable.
func (s *syncState) begin(newest *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file = newest.file
	s.written = newest.at(newest.end)
	s.synced = s.written
	s.since = time.Time{}
}

// start returns what a sync that starts now covers.
func (s *syncState) start() (file *os.File, end place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file, s.written
}

// finish notes a sync that started at that time and covers everything before end.
func (s *syncState) finish(end place, started time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = max(s.synced, end)
	switch {
	case s.synced >= s.written:
		s.since = time.Time{}
	case s.since.Before(started):
		s.since = started
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// unsynced returns since when something is without an fsync, zero if nothing is, and a channel that is closed by
// the next sync.
func (s *syncState) unsynced() (since time.Time, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since, s.changed
}

// syncNow makes everything durable that was written.
func (w *WAL) syncNow() error {
	file, end := w.synced.start()
	if end == w.synced.at() {
		return nil
	}
	started := time.Now()
	if err := w.syncFile(file); err != nil {
		return err
	}
	w.synced.finish(end, started)
	w.stats.syncs.Add(1)
	return nil
}

func (w *WAL) syncFile(file *os.File) error {
	if f := w.cfg.faults.sync; f != nil {
		if err := f(); err != nil {
			return err
		}
	}
	return syncData(file)
}

// waitForSync keeps the writer back while something that was acknowledged has been without an fsync for too long.
func (w *WAL) waitForSync() error {
	stalled := false
	for w.Sync() == SyncEverySec {
		since, changed := w.synced.unsynced()
		if since.IsZero() || time.Since(since) <= unsyncedMax {
			return nil
		}
		if !stalled {
			stalled = true
			w.stats.stalls.Add(1)
		}
		select {
		case <-changed:
		case <-w.failed:
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.stopped
		}
	}
	return nil
}

// wakeSyncer makes the syncer sync within a second, if anything is without an fsync.
func (w *WAL) wakeSyncer() {
	select {
	case w.dirty <- struct{}{}:
	default: // it is told already
	}
}

// syncInBackground is the syncer: under everysec it syncs a second after the first write that is without one. Under the
// other policies nobody wakes it.
func (w *WAL) syncInBackground() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.quit:
			return // Close syncs the rest
		case <-w.failed:
			return
		case <-w.dirty:
		}
		since, _ := w.synced.unsynced()
		if since.IsZero() {
			continue
		}
		timer.Reset(time.Until(since.Add(syncEvery)))
		select {
		case <-w.quit:
			return
		case <-w.failed:
			return
		case <-timer.C:
		}
		if err := w.syncNow(); err != nil {
			w.fail(err)
			return
		}
		if since, _ := w.synced.unsynced(); !since.IsZero() && w.Sync() == SyncEverySec {
			w.wakeSyncer()
		}
	}
}

// WritingFor returns how long the batch under way has taken so far, its wait for a late fsync included; 0 if there is
// none. A disk that hangs shows here: raft itself keeps sending heartbeats (hashicorp/raft#503).
func (w *WAL) WritingFor() time.Duration {
	busy := w.busySince.Load()
	if busy == 0 {
		return 0
	}
	return max(time.Since(w.begin)-time.Duration(busy), 1)
}
