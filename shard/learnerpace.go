package shard

import (
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// learnerRest is for how long a copy to a learner rests, in units of the time for which it works: a fifth of the time is
	// what it takes of leader, learner and disks. Nobody counts on a learner yet, and clients are being served meanwhile.
	learnerRest = 4
	// learnerRestMin is the shortest rest of a snapshot, since timers are not more exact; learnerRestMax the longest, for
	// which raft waits when it stops to lead.
	learnerRestMin = time.Millisecond
	learnerRestMax = 50 * time.Millisecond
	// learnerLook is how often it is looked at whether a learner comes nearer to the end of the log. Where it has not made up
	// for a learnerGain-th of what it lacks, it rests half as long: the end is reached however fast clients write.
	learnerLook = time.Second
	learnerGain = 4
	// bulkBytes is from which size on entries are a copy, and not what has been written just now.
	bulkBytes = 64 << 10
)

// pacedWire is a replica's wire as raft uses it: what a learner lacks is brought there in the background's pace.
type pacedWire struct {
	Wire
	learner func(node string) bool
	// last is the last index of the log.
	last func() uint64
	stop <-chan struct{}

	mu     sync.Mutex // protects the field below
	copies map[string]*copying
}

var _ Wire = (*pacedWire)(nil)

func newPacedWire(w Wire, learner func(string) bool, last func() uint64, stop <-chan struct{}) *pacedWire {
	return &pacedWire{Wire: w, learner: learner, last: last, stop: stop, copies: map[string]*copying{}}
}

// AppendEntries implements raft.Transport.
func (w *pacedWire) AppendEntries(id raft.ServerID, addr raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	began := time.Now()
	err := w.Wire.AppendEntries(id, addr, args, resp)
	if err != nil || !isBulk(args.Entries) || !w.learner(string(id)) {
		return err
	}
	sent, behind := args.PrevLogEntry+uint64(len(args.Entries)), uint64(0)
	if last := w.last(); last > sent {
		behind = last - sent
	}
	now := time.Now()
	w.mu.Lock()
	rest := w.copyingLocked(string(id)).rest(now, now.Sub(began), behind)
	w.mu.Unlock()
	wait(rest, w.stop)
	return nil
}

// isBulk tells whether entries are a copy of what was written long ago.
func isBulk(entries []*raft.Log) bool {
	bytes := 0
	for _, e := range entries {
		bytes += len(e.Data)
	}
	return len(entries) > caughtUpEntries || bytes >= bulkBytes
}

// InstallSnapshot implements raft.Transport. A second snapshot for the same learner goes as fast as it can: the log has been
// cut while it was brought the first one.
func (w *pacedWire) InstallSnapshot(id raft.ServerID, addr raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	if w.learner(string(id)) {
		w.mu.Lock()
		c := w.copyingLocked(string(id))
		first := !c.snapshot
		c.snapshot = true
		w.mu.Unlock()
		if first {
			data = &pacedReader{Reader: data, stop: w.stop, since: time.Now()}
		}
	}
	return w.Wire.InstallSnapshot(id, addr, args, resp, data)
}

// ForgetMatch is called when a node becomes a learner: it begins anew.
func (w *pacedWire) ForgetMatch(node string) {
	w.mu.Lock()
	delete(w.copies, node)
	w.mu.Unlock()
	w.Wire.ForgetMatch(node)
}

func (w *pacedWire) copyingLocked(node string) *copying {
	c := w.copies[node]
	if c == nil {
		c = &copying{share: learnerRest}
		w.copies[node] = c
	}
	return c
}

// copying is how one learner is brought what it lacks.
type copying struct {
	share  int
	looked time.Time
	behind uint64 // entries that it lacked then
	// snapshot tells that it was sent one.
	snapshot bool
}

// rest is for how long to wait after some work.
func (c *copying) rest(now time.Time, worked time.Duration, behind uint64) time.Duration {
	switch {
	case c.looked.IsZero():
		c.looked, c.behind = now, behind
	case now.Sub(c.looked) >= learnerLook:
		if behind > c.behind-c.behind/learnerGain {
			c.share /= 2
		}
		c.looked, c.behind = now, behind
	}
	return min(time.Duration(c.share)*worked, learnerRestMax)
}

// pacedReader rests between portions of a snapshot. Waits for whoever takes them count as work.
type pacedReader struct {
	io.Reader
	stop  <-chan struct{}
	since time.Time // when it rested last
}

func (r *pacedReader) Read(p []byte) (int, error) {
	if due := learnerRest * time.Since(r.since); due >= learnerRestMin {
		wait(min(due, learnerRestMax), r.stop)
		r.since = time.Now()
	}
	return r.Reader.Read(p)
}

// wait lets time pass, unless it is stopped.
func wait(d time.Duration, stop <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	}
}
