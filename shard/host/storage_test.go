package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

func openTestFolder(t *testing.T, cfg FolderConfig) *Folder {
	t.Helper()
	if cfg.Fatal == nil {
		cfg.Fatal = func(err error) { t.Errorf("fatal: %v", err) }
	}
	f, err := OpenFolder(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

func TestFolderKeepsTheLogStoreThatItWasMadeWith(t *testing.T) {
	for made, other := range map[LogStore]LogStore{LogStoreWAL: LogStoreBolt, LogStoreBolt: LogStoreWAL} {
		dir := t.TempDir()
		must(t, openTestFolder(t, FolderConfig{Dir: dir, Log: made}).Close())
		_, err := OpenFolder(FolderConfig{Dir: dir, Log: other, Fatal: func(error) {}})
		if err == nil || !strings.Contains(err.Error(), "use --log-store="+string(made)) {
			t.Errorf("made with %s, opened with %s: %v, want what to use", made, other, err)
		}
		must(t, openTestFolder(t, FolderConfig{Dir: dir, Log: made}).Close())
	}
}

// An empty log is not a log that was lost.
func TestLostLogOfAKnownNodeIsRefused(t *testing.T) {
	dir := t.TempDir()
	must(t, openTestFolder(t, FolderConfig{Dir: dir}).Close())
	must(t, os.RemoveAll(filepath.Join(dir, walFolder)))
	if _, err := OpenFolder(FolderConfig{Dir: dir, Fatal: func(error) {}}); err == nil || !strings.Contains(err.Error(), "holds no log") {
		t.Errorf("open = %v, want that there is no log", err)
	}
}

func TestFailedWriteGuardsTheNextRunUntilTheOperatorAcceptsTheLoss(t *testing.T) {
	dir := t.TempDir()
	var fatal []error
	f := openTestFolder(t, FolderConfig{Dir: dir, Fatal: func(err error) { fatal = append(fatal, err) }})
	f.Fatal(errors.New("fdatasync: input/output error"))
	must(t, f.Close())
	if len(fatal) != 1 {
		t.Errorf("fatal was called %d times, want once", len(fatal))
	}
	for range 2 {
		f = openTestFolder(t, FolderConfig{Dir: dir})
		if on, reason := f.Run.Guarded(1); !on || !strings.Contains(reason, "input/output") {
			t.Errorf("guarded = %v (%q), want true with the error", on, reason)
		}
		must(t, f.Close())
	}
	must(t, os.WriteFile(filepath.Join(dir, acceptFile), nil, 0o600))
	f = openTestFolder(t, FolderConfig{Dir: dir})
	if on, _ := f.Run.Guarded(1); on {
		t.Error("guarded although the operator has accepted the loss")
	}
	must(t, f.Close())
	if _, err := os.Stat(filepath.Join(dir, acceptFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the operator's word is still there (%v): it would count for the next loss too", err)
	}
}

// hungBackend never comes back from an append until it is told to.
type hungBackend struct {
	logstore.Backend
	release chan struct{}
}

func (b hungBackend) Append(entries []*raft.Log) error {
	<-b.release
	return b.Backend.Append(entries)
}

func TestWatchdogBarksAfterTwoElectionTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := openTestFolder(t, FolderConfig{Dir: t.TempDir()})
		g, err := f.WAL.Group(1)
		must(t, err)
		backend := hungBackend{g, make(chan struct{})}
		log, err := logstore.OpenLog(logstore.LogConfig{Group: 1, Backend: backend, Fatal: f.Fatal})
		must(t, err)
		h := &Host{cfg: Config{Folder: f}, timings: shard.Timings{Election: 300 * time.Millisecond}}
		suspended := h.watchdog(log)
		if suspended() {
			t.Error("suspended although nothing is written")
		}
		written := make(chan error, 1)
		go func() { written <- log.StoreLog(&raft.Log{Index: 1, Term: 1}) }()
		time.Sleep(599 * time.Millisecond)
		if suspended() {
			t.Error("suspended before two election timeouts")
		}
		time.Sleep(2 * time.Millisecond)
		if !suspended() {
			t.Error("not suspended after two election timeouts")
		}
		close(backend.release)
		must(t, <-written)
		if suspended() {
			t.Error("suspended although the write is done")
		}
		must(t, log.Close())
		must(t, f.Close())
	})
}

// A tail that a crash tore off is told to the guard.
func TestTornTailGuardsTheRun(t *testing.T) {
	dir := t.TempDir()
	f := openTestFolder(t, FolderConfig{Dir: dir})
	must(t, f.SetSync(logstore.SyncNo))
	g, err := f.WAL.Group(1)
	must(t, err)
	must(t, g.Append([]*raft.Log{{Index: 1, Term: 1, Data: []byte("value")}}))
	crashed := t.TempDir()
	for _, name := range []string{"identity.json", "stable.db", "run"} { // as a kill leaves it
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(crashed, name), data, 0o600))
	}
	segments, err := filepath.Glob(filepath.Join(dir, walFolder, "*.wal"))
	must(t, err)
	data, err := os.ReadFile(segments[0])
	must(t, err)
	must(t, os.Mkdir(filepath.Join(crashed, walFolder), 0o700))
	data[64+48+50] ^= 1 // in the entry: it did not reach the disk whole
	must(t, os.WriteFile(filepath.Join(crashed, walFolder, filepath.Base(segments[0])), data, 0o600))
	must(t, f.Close())
	f = openTestFolder(t, FolderConfig{Dir: crashed})
	if on, reason := f.Run.Guarded(1); !on || !strings.Contains(reason, "cut at offset") {
		t.Errorf("guarded = %v (%q), want true with the place", on, reason)
	}
	must(t, f.Close())
}

// INFO asks for the policy while the logs are being opened. What could go wrong only the race detector sees.
func TestSyncPolicyMayBeAskedWhileTheLogsAreOpened(t *testing.T) {
	dir := t.TempDir()
	must(t, openFolder(t, dir).Close())
	f, err := BeginFolder(FolderConfig{Dir: dir, Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	must(t, err)
	opened := make(chan error, 1)
	go func() { opened <- f.OpenLogs(t.Context()) }()
	for {
		if got := f.SyncPolicy(); got != logstore.SyncAlways {
			t.Fatalf("%v, want always", got)
		}
		select {
		case err := <-opened:
			must(t, errors.Join(err, f.Close()))
			return
		default:
		}
	}
}
