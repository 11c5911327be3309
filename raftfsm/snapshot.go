package raftfsm

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// A snapshot is the magic "HOLTSNAP" and frames (snapshotframe.go): one with the header, any number of chunks with keys
// (snapshotchunk.go) or results of requests (snapshotresults.go), one with the footer, nothing behind it. Header and footer are messages of storage.v1.
const (
	snapshotMagic = "HOLTSNAP"
	// snapshotPlain, layout 2, has chunks that are compressed and may come in any order. Layout 1 was never released.
	snapshotPlain = 2
	// snapshotHandovers, layout 3, tells of hand-overs of slots besides, begun or ended. It is written only where there is something
	// to tell: a program that does not know hand-overs can read all that it could have made.
	snapshotHandovers = 3
	// snapshotResults, layout 4, has results of requests besides, in frames of their own. It is written only where there is one.
	snapshotResults = 4
	// snapshotFields, layout 5, has keys with fields besides, those with many of them in parts. It is written only where there is one.
	snapshotFields = 5
)

// ErrBadSnapshot marks a snapshot that is damaged or cut short.
var ErrBadSnapshot = errors.New("damaged snapshot")

// errStopped ends the writing of a snapshot because its replica is being closed.
var errStopped = errors.New("replica is being closed")

// Pace says how much of the machine the writing of a snapshot takes.
type Pace uint32

const (
	// PaceBackground writes with one worker that rests most of the time, so that clients hardly notice.
	PaceBackground Pace = 1
	// PaceFull writes with all cores: somebody waits for it.
	PaceFull Pace = 2
)

// snapshots is what a state machine knows of its snapshots.
type snapshots struct {
	pace atomic.Uint32
	stop chan struct{} // closed by StopSnapshots
	held holds
	// changes counts the keys that were written, dropped or restored, saved is its value as of the last good snapshot.
	changes, saved atomic.Uint64
}

// SetSnapshotPace says how the next snapshot is written, and what is left of one under way. The zero state is
// PaceBackground.
func (f *FSM) SetSnapshotPace(p Pace) { f.snapshots.pace.Store(uint32(p)) }

// StopSnapshots ends the writing of a snapshot with an error, now and from now on. It is called once.
func (f *FSM) StopSnapshots() { close(f.snapshots.stop) }

// Unsaved counts the changes of keys since the newest snapshot.
func (f *FSM) Unsaved() uint64 {
	saved := f.snapshots.saved.Load() // first: it never passes changes
	return f.snapshots.changes.Load() - saved
}

// UsedBytes is how much memory the keys take.
func (f *FSM) UsedBytes() int64 { return f.store.UsedBytes() }

// Held tells for how long snapshots have kept the FSM goroutine from its work.
func (f *FSM) Held() HeldStats { return f.snapshots.held.stats() }

// Snapshot captures state and store, which costs the same whatever they hold; the slow part is left to Persist.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) {
	began := time.Now()
	s := &snapshot{group: f.group, state: f.state, changes: f.snapshots.changes.Load(), own: &f.snapshots, capture: f.store.Capture(), results: f.store.Sessions().Capture(), stamps: f.store.StampKind()}
	f.snapshots.held.add(time.Since(began))
	return s, nil
}

type snapshot struct {
	group   uint64
	state   State
	changes uint64
	own     *snapshots
	capture *store.Capture
	results session.Capture
	stamps  store.StampKind
}

// Persist writes the snapshot while entries go on being applied.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	w := newSnapshotWriter(s.capture, s.results, sink, s.own)
	if err := w.write(s.header()); err != nil {
		return errors.Join(fmt.Errorf("write snapshot of group %d: %w", s.group, err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return err
	}
	s.own.saved.Store(max(s.changes, s.own.saved.Load())) // a snapshot may have been installed meanwhile
	return nil
}

// Release frees the capture.
func (s *snapshot) Release() { s.capture.Release() }
