package logstore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

func TestSnapshotRecordsBoundaryAndKeepsAgreeingLog(t *testing.T) {
	onEachBackend(t, testSnapshotRecordsBoundaryAndKeepsAgreeingLog)
}

func testSnapshotRecordsBoundaryAndKeepsAgreeingLog(t *testing.T, on backendKind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l, _ := openTestLog(t, on, LogConfig{Path: path})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 6, 2))
	wantBounds(t, l, 1, 10)
	var e raft.Log
	must(t, l.GetLog(6, &e))
	if IsPlaceholder(&e) || string(e.Data) != "2.6" {
		t.Errorf("entry 6 = %+v, want the real one", e)
	}
	must(t, l.Close())
	l, _ = openTestLog(t, on, LogConfig{Path: path})
	if got := l.Boundary(); got != (Boundary{Index: 6, Term: 2}) {
		t.Errorf("boundary after reopen = %+v, want 6 of term 2", got)
	}
	wantBounds(t, l, 1, 10)
}

// Raft §7: entries that an installed snapshot contradicts must not be served to anybody.
func TestInstalledSnapshotDiscardsWhatContradictsIt(t *testing.T) {
	onEachBackend(t, testInstalledSnapshotDiscardsWhatContradictsIt)
}

func testInstalledSnapshotDiscardsWhatContradictsIt(t *testing.T, on backendKind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l, fatal := openTestLog(t, on, LogConfig{Path: path})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 6, 3)) // entry 6 is of term 2 here
	wantBounds(t, l, 7, 10)            // raft truncates the rest itself
	var e raft.Log
	must(t, l.GetLog(6, &e))
	if !IsPlaceholder(&e) || e.Term != 3 || e.Index != 6 {
		t.Errorf("entry 6 = %+v, want the placeholder of term 3", e)
	}
	if err := l.GetLog(5, &e); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("entry 5: %v, want raft.ErrLogNotFound", err)
	}
	must(t, l.StoreLogs(entriesOf(3, 4, 5))) // late, covered by the snapshot
	wantBounds(t, l, 7, 10)
	must(t, l.DeleteRange(7, 10))
	must(t, l.StoreLogs(entriesOf(3, 7, 8)))
	wantBounds(t, l, 7, 8)
	must(t, closeSnapshot(t, s, 20, 4)) // beyond the end: a gap
	wantBounds(t, l, 0, 0)
	if err := l.StoreLogs(entriesOf(4, 22, 22)); err == nil {
		t.Error("entry 22 left a hole behind snapshot 20")
	}
	must(t, l.StoreLogs(entriesOf(4, 21, 22)))
	must(t, l.Close())
	l, _ = openTestLog(t, on, LogConfig{Path: path})
	_, err = OpenSnapshots(dir, l, nil)
	must(t, err)
	wantBounds(t, l, 21, 22)
	if len(*fatal) != 0 {
		t.Errorf("fatal: %v", *fatal)
	}
}

// The power went after the snapshot was complete, before the log heard of it.
func TestOpenDropsLogThatContradictsNewestSnapshot(t *testing.T) {
	onEachBackend(t, testOpenDropsLogThatContradictsNewestSnapshot)
}

func testOpenDropsLogThatContradictsNewestSnapshot(t *testing.T, on backendKind) {
	dir := t.TempDir()
	inner, err := raft.NewFileSnapshotStore(dir, 2, io.Discard)
	must(t, err)
	_, trans := raft.NewInmemTransport("")
	sink, err := inner.Create(1, 6, 3, raft.Configuration{}, 1, trans)
	must(t, err)
	must(t, sink.Close())
	must(t, os.Mkdir(filepath.Join(dir, snapshotsFolder, "3-7-1"+unfinishedSuffix), 0o755))

	l, _ := openTestLog(t, on, LogConfig{Path: filepath.Join(dir, "log")})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	_, err = OpenSnapshots(dir, l, nil)
	must(t, err)
	wantBounds(t, l, 0, 0)
	if got := l.Boundary(); got != (Boundary{Index: 6, Term: 3}) {
		t.Errorf("boundary = %+v, want 6 of term 3", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, snapshotsFolder, "*"+unfinishedSuffix))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished snapshots left: %v, %v", left, err)
	}
}

func TestOlderSnapshotIsRefusedAndLeavesNothing(t *testing.T) {
	onEachBackend(t, testOlderSnapshotIsRefusedAndLeavesNothing)
}

func testOlderSnapshotIsRefusedAndLeavesNothing(t *testing.T, on backendKind) {
	dir := t.TempDir()
	l, _ := openTestLog(t, on, LogConfig{})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	_, trans := raft.NewInmemTransport("")
	slow, err := s.Create(1, 4, 2, raft.Configuration{}, 1, trans)
	must(t, err)
	must(t, closeSnapshot(t, s, 8, 2)) // overtakes the slow one
	if err := slow.Close(); err == nil || !strings.Contains(err.Error(), "older") {
		t.Errorf("close of the older snapshot: %v, want refused", err)
	}
	if err := closeSnapshot(t, s, 5, 2); err == nil {
		t.Error("an older snapshot was begun")
	}
	metas, err := s.List()
	if err != nil || len(metas) != 1 || metas[0].Index != 8 {
		t.Errorf("snapshots = %v, %v, want the one up to 8", metas, err)
	}
}

// Restarting from an older snapshot is allowed only if the log leads from there to what was acknowledged.
func TestLostSnapshotIsNoticedUnlessLogCoversIt(t *testing.T) {
	onEachBackend(t, testLostSnapshotIsNoticedUnlessLogCoversIt)
}

func testLostSnapshotIsNoticedUnlessLogCoversIt(t *testing.T, on backendKind) {
	for _, compacted := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "log")
		l, _ := openTestLog(t, on, LogConfig{Path: path})
		must(t, l.StoreLogs(entriesOf(2, 1, 10)))
		s, err := OpenSnapshots(dir, l, nil)
		must(t, err)
		must(t, closeSnapshot(t, s, 4, 2))
		must(t, closeSnapshot(t, s, 8, 2))
		if compacted {
			must(t, l.DeleteRange(1, 6))
		}
		metas, err := s.List()
		must(t, err)
		if _, _, err := s.Open(metas[1].ID); (err != nil) != compacted {
			t.Errorf("compacted %v: open of the older snapshot: %v", compacted, err)
		}
		must(t, os.RemoveAll(filepath.Join(dir, snapshotsFolder, metas[0].ID)))
		_, err = OpenSnapshots(dir, l, nil)
		if errors.Is(err, ErrDamaged) != compacted {
			t.Errorf("compacted %v, newest snapshot lost: %v", compacted, err)
		}
	}
}

func TestSnapshotReadsBackWhatWasWritten(t *testing.T) {
	onEachBackend(t, testSnapshotReadsBackWhatWasWritten)
}

func testSnapshotReadsBackWhatWasWritten(t *testing.T, on backendKind) {
	l, _ := openTestLog(t, on, LogConfig{})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	s, err := OpenSnapshots(t.TempDir(), l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 9, 2))
	metas, err := s.List()
	must(t, err)
	meta, state, err := s.Open(metas[0].ID)
	must(t, err)
	text, err := io.ReadAll(state)
	must(t, errors.Join(err, state.Close()))
	if string(text) != "state 9" || meta.Index != 9 || meta.Term != 2 {
		t.Errorf("snapshot %+v holds %q, want state 9", meta, text)
	}
}
