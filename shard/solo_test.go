package shard_test

import (
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

// solo is the only replica of a shard, with its files in a real folder.
type solo struct {
	*node
	dir   string
	close func() error
}

// openSolo opens what is in a folder. said takes the log lines.
func openSolo(t *testing.T, dir string, said io.Writer, turn *shard.Turn) (*solo, error) {
	t.Helper()
	timings := shard.DefaultTimings()
	timings.Heartbeat, timings.Election = 50*time.Millisecond, 50*time.Millisecond
	fatal := func(err error) { t.Error(err) }
	stable, err := logstore.OpenStable(filepath.Join(dir, "stable.db"), fatal)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := logstore.OpenWAL(logstore.WALConfig{Dir: filepath.Join(dir, "wal"), Sync: logstore.SyncNo, SegmentBytes: 1 << 20, Fatal: fatal})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transport.New(transport.Config{
		NodeID: "a", ClusterID: func() string { return "test" }, LeaseMax: timings.LeaseMax,
		Resolver: alone{}, Dial: alone{}.dial, SpoolDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.ServeConfirm(func(transport.GroupTerm) bool { return false })
	wire, err := tr.Group(transport.GroupID(testShard))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(said, nil))
	confirmer := shard.NewConfirmer(tr, timings.Lease)
	closeAll := func() error {
		confirmer.Close()
		return errors.Join(tr.Close(), wal.Close(), stable.Close())
	}
	r, err := shard.Open(shard.Config{
		Group: testShard, Node: "a", Timings: timings, Wire: wire, Confirmer: confirmer, Bootstrap: []string{"a"}, Turn: turn,
		OpenStorage: func(h shard.Hooks) (shard.Storage, error) {
			backend, err := wal.Group(uint64(testShard))
			if err != nil {
				return shard.Storage{}, err
			}
			log, err := logstore.OpenLog(logstore.LogConfig{
				Path: filepath.Join(dir, "wal"), Group: uint64(testShard), Backend: backend,
				Appended: func(entries []*raft.Log) { h.Appended(entries) }, Floor: h.Floor, Fatal: fatal,
			})
			if err != nil {
				return shard.Storage{}, err
			}
			snapshots, err := logstore.OpenSnapshots(dir, log, logger)
			if err != nil {
				return shard.Storage{}, errors.Join(err, log.Close())
			}
			return shard.Storage{Log: log, Stable: stable.Group(uint64(testShard)), Snapshots: snapshots, Close: log}, nil
		},
		Slots: func() []slot.Range { return slot.Split(1) },
		Nonce: rand.Uint64, Logger: logger, Snapshots: shard.SnapshotPolicy{Trailing: 1},
	})
	if err != nil {
		return nil, errors.Join(err, wire.Close(), closeAll())
	}
	s := &solo{node: &node{id: "a", replica: r}, dir: dir}
	s.close = func() error { return errors.Join(r.Close(), closeAll()) }
	return s, nil
}

func mustOpenSolo(t *testing.T, dir string, said io.Writer) *solo {
	t.Helper()
	s, err := openSolo(t, dir, said, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *solo) mustClose(t *testing.T) {
	t.Helper()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// awaitServing waits until the replica serves, so everything in its log is applied.
func (s *solo) awaitServing(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if _, ok := s.replica.Executor().Serving(); ok && slices.Equal(s.replica.Store().Owned(), slot.Split(1)) {
			return
		}
	}
	t.Fatal("the replica never served")
}

// copied is a copy of a folder.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
