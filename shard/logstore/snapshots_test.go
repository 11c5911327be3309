package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	folder, err := openSnapFolder(filepath.Join(dir, snapshotsFolder))
	must(t, err)
	sink, err := folder.Create(1, 6, 3, raft.Configuration{}, 1, nil)
	must(t, err)
	must(t, sink.Close())
	_, err = folder.Create(1, 7, 3, raft.Configuration{}, 1, nil) // the crash comes before it is closed
	must(t, err)

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

// Restarting from an older snapshot is allowed only if the log leads from there to what was acknowledged. Compaction, which
// raft asks for up to the newest, leaves that part of the log.
func TestLogGoesBackToTheOlderSnapshot(t *testing.T) {
	onEachBackend(t, testLogGoesBackToTheOlderSnapshot)
}

func testLogGoesBackToTheOlderSnapshot(t *testing.T, on backendKind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l, _ := openTestLog(t, on, LogConfig{Path: path})
	must(t, l.StoreLogs(entriesOf(2, 1, 20)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	for i, wantFirst := range []uint64{5, 5, 9, 13} {
		index := uint64(4 * (i + 1))
		must(t, closeSnapshot(t, s, index, 2))
		first, err := l.FirstIndex()
		must(t, err)
		must(t, l.DeleteRange(first, index))
		if index == 4 {
			wantFirst = 4 // the boundary's entry stays
		}
		wantBounds(t, l, wantFirst, 20)
	}
	metas, err := s.List()
	must(t, err)
	if len(metas) != 2 || metas[1].Index != 12 {
		t.Fatalf("snapshots %v, want those up to 16 and 12", metas)
	}
	must(t, os.Remove(s.folder.path(metas[0].ID)))
	s, err = OpenSnapshots(dir, l, nil)
	must(t, err)
	_, state, err := s.Open(metas[1].ID)
	must(t, err)
	must(t, state.Close())
	must(t, os.Remove(s.folder.path(metas[1].ID)))
	if _, err = OpenSnapshots(dir, l, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("both snapshots are lost and the log begins with 13: %v", err)
	}
}

// An installed snapshot that lies beyond the log leaves a hole: the snapshot before it is of no use any more, and the log
// is not kept for its sake.
func TestOlderSnapshotBeforeAHoleIsRefused(t *testing.T) {
	onEachBackend(t, testOlderSnapshotBeforeAHoleIsRefused)
}

func testOlderSnapshotBeforeAHoleIsRefused(t *testing.T, on backendKind) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	l, _ := openTestLog(t, on, LogConfig{Path: path})
	must(t, l.StoreLogs(entriesOf(2, 1, 10)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 8, 2))
	must(t, closeSnapshot(t, s, 50, 3)) // installed
	must(t, l.StoreLogs(entriesOf(3, 51, 60)))
	metas, err := s.List()
	must(t, err)
	if _, _, err := s.Open(metas[1].ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("snapshot 8 with a log from 51 on: %v", err)
	}
	must(t, closeSnapshot(t, s, 55, 3))
	must(t, l.DeleteRange(51, 54))
	wantBounds(t, l, 51, 60) // snapshot 50 leads on from here
	flip(t, s.folder.path(metas[0].ID), 3)
	must(t, os.Remove(s.folder.path(mustList(t, s)[0].ID)))
	_, err = OpenSnapshots(dir, l, nil)
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrBadSnapshot) || !strings.Contains(err.Error(), s.folder.path(metas[0].ID)) {
		t.Errorf("snapshot 55 is lost, 50 is damaged: %v, want a refusal that names the file", err)
	}
}

func mustList(t *testing.T, s *Snapshots) []*raft.SnapshotMeta {
	t.Helper()
	metas, err := s.List()
	must(t, err)
	return metas
}

// flip changes one bit of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	data[at] ^= 4
	must(t, os.WriteFile(path, data, 0o600))
}

// Wherever a bit of the newest snapshot flips, or the file ends too soon: either it is not listed, or its state ends with an
// error, and then it is not listed any more. The older one is good, and somebody hears of it.
func TestDamageAnywhereInTheNewestSnapshotIsFound(t *testing.T) {
	for _, cut := range []bool{false, true} {
		dir := t.TempDir()
		l, _ := openTestLog(t, onWAL, LogConfig{Path: filepath.Join(dir, "log")})
		must(t, l.StoreLogs(entriesOf(2, 1, 10)))
		s, err := OpenSnapshots(dir, l, nil)
		must(t, err)
		must(t, closeSnapshot(t, s, 4, 2))
		must(t, closeSnapshot(t, s, 8, 2))
		metas := mustList(t, s)
		path := s.folder.path(metas[0].ID)
		good, err := os.ReadFile(path)
		must(t, err)
		for at := range good {
			bad := bytes.Clone(good)
			bad[at] ^= 1
			if cut {
				bad = good[:at]
			}
			must(t, os.WriteFile(path, bad, 0o600))
			var said bytes.Buffer
			s, err := OpenSnapshots(dir, l, slog.New(slog.NewTextHandler(&said, nil)))
			must(t, err)
			for _, meta := range mustList(t, s) {
				_, state, err := s.Open(meta.ID)
				must(t, err)
				text, err := io.ReadAll(state)
				must(t, state.Close())
				if wrong := string(text) != fmt.Sprint("state ", meta.Index); wrong != (err != nil) || wrong && meta.Index == 4 {
					t.Errorf("cut %v, byte %d: snapshot %d reads %q, %v", cut, at, meta.Index, text, err)
				}
			}
			if left := mustList(t, s); len(left) != 1 || left[0].Index != 4 {
				t.Errorf("cut %v, byte %d: %d snapshots are taken for good", cut, at, len(left))
			}
			if text := said.String(); !strings.Contains(text, path) || !strings.Contains(text, s.folder.path(metas[1].ID)) {
				t.Errorf("cut %v, byte %d: the log does not name both files: %s", cut, at, text)
			}
		}
	}
}

// A damaged snapshot does not push out a good one, nor does the log let go of the good one's sequel.
func TestDamagedSnapshotDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	l, _ := openTestLog(t, onWAL, LogConfig{Path: filepath.Join(dir, "log")})
	must(t, l.StoreLogs(entriesOf(2, 1, 20)))
	s, err := OpenSnapshots(dir, l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 4, 2))
	must(t, closeSnapshot(t, s, 8, 2))
	damaged := s.folder.path(mustList(t, s)[0].ID)
	flip(t, damaged, 20)
	s, err = OpenSnapshots(dir, l, nil)
	must(t, err)
	must(t, closeSnapshot(t, s, 12, 2))
	must(t, l.DeleteRange(1, 12))
	wantBounds(t, l, 5, 20)
	metas := mustList(t, s)
	if len(metas) != 2 || metas[0].Index != 12 || metas[1].Index != 4 {
		t.Errorf("snapshots %v, want 12 and 4", metas)
	}
	if _, err := os.Stat(damaged); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged file is still there: %v", err)
	}
}

// fullFile is a file on a disk that fails at one of its operations.
type fullFile struct {
	*os.File
	fail map[string]error
	left int
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 && f.fail["write"] != nil {
		return 0, f.fail["write"]
	}
	return f.File.Write(p)
}

func (f *fullFile) Sync() error { return errors.Join(f.fail["sync"], f.File.Sync()) }

// A snapshot that cannot be written or synced leaves nothing behind: not itself, not a shorter log, not a later boundary. The
// one before stays, and the process lives.
func TestFailedSnapshotChangesNothing(t *testing.T) {
	for what, fail := range map[string]error{"write": syscall.ENOSPC, "sync": syscall.EIO} {
		for _, room := range []int{0, 40, 1 << 20} {
			dir := t.TempDir()
			l, fatal := openTestLog(t, onWAL, LogConfig{Path: filepath.Join(dir, "log")})
			must(t, l.StoreLogs(entriesOf(2, 1, 10)))
			s, err := OpenSnapshots(dir, l, nil)
			must(t, err)
			must(t, closeSnapshot(t, s, 4, 2))
			create := s.folder.create
			s.folder.create = func(path string) (snapFile, error) {
				file, err := os.Create(path)
				return &fullFile{file, map[string]error{what: fail}, room}, err
			}
			sink, err := s.Create(1, 8, 2, raft.Configuration{}, 1, nil)
			if err == nil {
				_, err = sink.Write(make([]byte, 2<<20))
				if closeErr := sink.Close(); !errors.Is(closeErr, fail) {
					t.Errorf("%s, room for %d: close says %v", what, room, closeErr)
				}
			}
			if what == "write" && !errors.Is(err, fail) {
				t.Errorf("%s, room for %d: %v", what, room, err)
			}
			if metas := mustList(t, s); len(metas) != 1 || metas[0].Index != 4 || l.Boundary().Index != 4 || len(*fatal) != 0 {
				t.Errorf("%s, room for %d: snapshots %v, boundary %v, fatal %v", what, room, metas, l.Boundary(), *fatal)
			}
			files, err := os.ReadDir(filepath.Join(dir, snapshotsFolder))
			if err != nil || len(files) != 1 {
				t.Errorf("%s, room for %d: files %v, %v", what, room, files, err)
			}
			s.folder.create = create
			must(t, closeSnapshot(t, s, 8, 2))
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
