package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// failingBackend refuses appends with err once it is set.
type failingBackend struct {
	Backend
	err error
}

func (b *failingBackend) Append(entries []*raft.Log) error {
	if b.err != nil {
		return b.err
	}
	return b.Backend.Append(entries)
}

func entriesOf(term, from, to uint64) []*raft.Log {
	var entries []*raft.Log
	for i := from; i <= to; i++ {
		entries = append(entries, &raft.Log{Index: i, Term: term, Data: fmt.Appendf(nil, "%d.%d", term, i)})
	}
	return entries
}

// openTestLog opens a log whose fatal errors are collected.
func openTestLog(t *testing.T, on backendKind, cfg LogConfig) (*Log, *[]error) {
	t.Helper()
	var fatal []error
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "log")
	}
	cfg.Sync, cfg.Group = SyncAlways, 7
	cfg.Fatal = func(err error) { fatal = append(fatal, err) }
	l, err := on.open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, &fatal
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBounds(t *testing.T, l *Log, first, last uint64) {
	t.Helper()
	gotFirst, _ := l.FirstIndex()
	gotLast, _ := l.LastIndex()
	if gotFirst != first || gotLast != last {
		t.Errorf("bounds = %d..%d, want %d..%d", gotFirst, gotLast, first, last)
	}
}

func TestTruncationAtOrBelowFloorIsFatalAndMarksReplicaDamaged(t *testing.T) {
	onEachBackend(t, testTruncationAtOrBelowFloorIsFatalAndMarksReplicaDamaged)
}

func testTruncationAtOrBelowFloorIsFatalAndMarksReplicaDamaged(t *testing.T, on backendKind) {
	for _, via := range []string{"DeleteRange", "overwrite"} {
		t.Run(via, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			l, fatal := openTestLog(t, on, LogConfig{Path: path, Floor: func() uint64 { return 5 }})
			must(t, l.StoreLogs(entriesOf(1, 1, 9)))
			must(t, l.DeleteRange(6, 9)) // above the floor: a normal conflict
			must(t, l.StoreLogs(entriesOf(2, 6, 9)))

			var err error
			if via == "DeleteRange" {
				err = l.DeleteRange(5, 9)
			} else {
				err = l.StoreLogs(entriesOf(3, 5, 5))
			}
			if !errors.Is(err, ErrDamaged) || !l.Damaged() || len(*fatal) != 1 {
				t.Fatalf("err = %v, damaged = %v, fatal = %v; want ErrDamaged, true, one call", err, l.Damaged(), *fatal)
			}
			if err := l.StoreLogs(entriesOf(3, 10, 10)); !errors.Is(err, ErrFatal) {
				t.Errorf("a write after the fatal truncation: %v, want ErrFatal", err)
			}
			wantBounds(t, l, 1, 9)
			must(t, l.Close())
			_, err = on.open(LogConfig{Path: path, Group: 7, Sync: SyncAlways, Fatal: func(error) {}})
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "learner") {
				t.Errorf("open again: %v, want ErrDamaged with path and remedy", err)
			}
		})
	}
}

func TestPrefixCompactionBelowFloorIsNotFatal(t *testing.T) {
	onEachBackend(t, testPrefixCompactionBelowFloorIsNotFatal)
}

func testPrefixCompactionBelowFloorIsNotFatal(t *testing.T, on backendKind) {
	l, fatal := openTestLog(t, on, LogConfig{Floor: func() uint64 { return 9 }})
	must(t, l.StoreLogs(entriesOf(1, 1, 10)))
	must(t, l.RecordBoundary(8, 1))
	must(t, l.DeleteRange(1, 6))
	wantBounds(t, l, 7, 10)
	must(t, l.DeleteRange(7, 8)) // the entry at the snapshot boundary stays
	wantBounds(t, l, 8, 10)
	if len(*fatal) != 0 {
		t.Errorf("fatal: %v", *fatal)
	}
	if err := l.DeleteRange(9, 9); err == nil {
		t.Error("a hole in the middle was accepted")
	}
}

// The first entry conflicts: everything is deleted, but it is a suffix truncation all the same.
func TestTruncationOfWholeLogIsComparedWithFloor(t *testing.T) {
	onEachBackend(t, testTruncationOfWholeLogIsComparedWithFloor)
}

func testTruncationOfWholeLogIsComparedWithFloor(t *testing.T, on backendKind) {
	floor := uint64(0)
	l, fatal := openTestLog(t, on, LogConfig{Floor: func() uint64 { return floor }})
	must(t, l.StoreLogs(entriesOf(1, 1, 4)))
	must(t, l.DeleteRange(1, 4))
	wantBounds(t, l, 0, 0)
	must(t, l.StoreLogs(entriesOf(2, 1, 4)))
	floor = 1
	if err := l.DeleteRange(1, 4); !errors.Is(err, ErrDamaged) || len(*fatal) != 1 {
		t.Errorf("err = %v, fatal = %v, want ErrDamaged and one call", err, *fatal)
	}
}

// The hook looks into the file: what it hears of must be there already.
func TestAppendedHearsDurableEntriesOnly(t *testing.T) {
	onEachBackend(t, testAppendedHearsDurableEntriesOnly)
}

func testAppendedHearsDurableEntriesOnly(t *testing.T, on backendKind) {
	file, err := on.backend(filepath.Join(t.TempDir(), "log"))
	must(t, err)
	backend := &failingBackend{Backend: file}
	var heard []uint64
	l, fatal := openTestLog(t, on, LogConfig{Backend: backend, Appended: func(entries []*raft.Log) {
		for _, e := range entries {
			var stored raft.Log
			if err := file.Read(e.Index, &stored); err != nil || !bytes.Equal(stored.Data, e.Data) {
				t.Errorf("entry %d announced before it is stored: %v", e.Index, err)
			}
			heard = append(heard, e.Index)
		}
	}})
	must(t, l.StoreLogs(entriesOf(1, 1, 2)))
	must(t, l.StoreLog(entriesOf(1, 3, 3)[0]))
	if err := l.StoreLogs(entriesOf(1, 9, 9)); err == nil || len(*fatal) != 0 {
		t.Errorf("a hole: err = %v, fatal = %v; want refused, not fatal", err, *fatal)
	}
	backend.err = errors.New("no space left on device")
	for range 2 {
		if err := l.StoreLogs(entriesOf(1, 4, 4)); err == nil {
			t.Error("a failed append returned nil")
		}
	}
	if fmt.Sprint(heard) != "[1 2 3]" {
		t.Errorf("heard %v, want [1 2 3]", heard)
	}
	if len(*fatal) != 1 || !strings.Contains((*fatal)[0].Error(), "no space") {
		t.Errorf("fatal = %v, want the write error once", *fatal)
	}
	backend.err = nil // the disk is well again: a write after a failed fsync must still be refused
	if err := l.StoreLogs(entriesOf(1, 4, 4)); !errors.Is(err, ErrFatal) {
		t.Errorf("write after the error: %v, want ErrFatal", err)
	}
}

func TestGetLogReturnsStoredBytesOfEveryType(t *testing.T) {
	onEachBackend(t, testGetLogReturnsStoredBytesOfEveryType)
}

func testGetLogReturnsStoredBytesOfEveryType(t *testing.T, on backendKind) {
	path := filepath.Join(t.TempDir(), "log")
	entries := []*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: []byte{0, 1, 2}},
		{Index: 2, Term: 1, Type: raft.LogNoop},
		{Index: 3, Term: 2, Type: raft.LogCommand, Data: bytes.Repeat([]byte{0xff}, 300_000), Extensions: []byte("ext")},
	}
	l, _ := openTestLog(t, on, LogConfig{Path: path, CacheEntries: 1})
	must(t, l.StoreLogs(entries))
	for range 2 {
		for _, want := range entries {
			var got raft.Log
			must(t, l.GetLog(want.Index, &got))
			if got.Term != want.Term || got.Type != want.Type || !bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Extensions, want.Extensions) {
				t.Errorf("entry %d = %+v, want %+v", want.Index, got, want)
			}
		}
		must(t, l.Close())
		l, _ = openTestLog(t, on, LogConfig{Path: path, CacheEntries: 1})
	}
	if err := l.GetLog(4, &raft.Log{}); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("missing entry: %v, want raft.ErrLogNotFound", err)
	}
}

// A flipped bit in any field of any entry, or a missing entry, is found at open.
func TestDamagedRecordIsRefusedAtOpen(t *testing.T) {
	damages := map[string]func(*raft.Log){
		"term":       func(e *raft.Log) { e.Term ^= 1 },
		"type":       func(e *raft.Log) { e.Type = raft.LogBarrier },
		"data":       func(e *raft.Log) { e.Data[0] ^= 0x10 },
		"extensions": func(e *raft.Log) { e.Extensions[0] ^= 1 },
		"checksum":   func(e *raft.Log) { e.Extensions = nil },
		"missing":    nil,
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			l, _ := openTestLog(t, onBolt, LogConfig{Path: path})
			must(t, l.StoreLogs(entriesOf(1, 1, 3)))
			must(t, l.Close())
			raw, err := raftboltdb.NewBoltStore(path)
			must(t, err)
			if damage == nil {
				must(t, raw.DeleteRange(2, 2))
			} else {
				var e raft.Log
				must(t, raw.GetLog(2, &e))
				damage(&e)
				must(t, raw.StoreLog(&e))
			}
			must(t, raw.Close())
			_, err = OpenLog(LogConfig{Path: path, Group: 7, Sync: SyncAlways, Fatal: func(error) {}})
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "entry 2") {
				t.Errorf("open = %v, want ErrDamaged naming file and entry", err)
			}
		})
	}
}

func TestOpenRefusesWhatItCannotKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	fatal := func(error) {}
	if _, err := OpenLog(LogConfig{Path: path, Sync: SyncEverySec, Fatal: fatal}); !errors.Is(err, ErrSyncPolicy) {
		t.Errorf("everysec: %v, want ErrSyncPolicy", err)
	}
	if _, err := OpenLog(LogConfig{Path: path, Fatal: fatal}); !errors.Is(err, ErrSyncPolicy) {
		t.Errorf("policy not set: %v, want ErrSyncPolicy", err)
	}
	if _, err := OpenLog(LogConfig{Path: path, Sync: SyncAlways}); err == nil {
		t.Error("a log without Fatal was opened")
	}
	l, _ := openTestLog(t, onBolt, LogConfig{Path: path})
	if _, err := OpenLog(LogConfig{Path: path, Group: 7, Sync: SyncAlways, Fatal: fatal}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("locked file: %v, want a word about the other process", err)
	}
	must(t, l.Close())
	must(t, l.Close())
	if err := l.StoreLogs(entriesOf(1, 1, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v, want ErrClosed", err)
	}
	if _, err := OpenLog(LogConfig{Path: path, Group: 8, Sync: SyncAlways, Fatal: fatal}); !errors.Is(err, ErrDamaged) {
		t.Errorf("file of another group: %v, want ErrDamaged", err)
	}
}

func TestParseSyncPolicyReadsWhatStringWrites(t *testing.T) {
	for _, p := range []SyncPolicy{SyncAlways, SyncEverySec, SyncNo} {
		if got, err := ParseSyncPolicy(p.String()); got != p || err != nil {
			t.Errorf("%v = %v, %v", p, got, err)
		}
	}
	for _, word := range []string{"Always", "", "not set"} {
		if _, err := ParseSyncPolicy(word); !errors.Is(err, ErrSyncPolicy) {
			t.Errorf("%q: %v, want ErrSyncPolicy", word, err)
		}
	}
	for p, want := range map[SyncPolicy]error{SyncAlways: nil, SyncEverySec: ErrSyncPolicy, SyncNo: ErrSyncPolicy} {
		if err := p.OnBolt(); !errors.Is(err, want) {
			t.Errorf("%v on bolt: %v, want %v", p, err, want)
		}
	}
}
