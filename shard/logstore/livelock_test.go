package logstore

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// tape is a state machine that remembers every command.
type tape struct {
	mu       sync.Mutex
	commands []string
}

func (f *tape) Apply(entry *raft.Log) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, string(entry.Data))
	return nil
}

func (f *tape) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}

func (f *tape) Snapshot() (raft.FSMSnapshot, error) { return tapeSnapshot(f.all()), nil }

func (f *tape) Restore(state io.ReadCloser) error {
	text, err := io.ReadAll(state)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = strings.Fields(string(text))
	return err
}

type tapeSnapshot []string

func (s tapeSnapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := io.WriteString(sink, strings.Join(s, " ")); err != nil {
		return err
	}
	return sink.Close()
}
func (tapeSnapshot) Release() {}

// countingTransport counts the snapshots it sends and refuses placeholders, as the product's transport does.
type countingTransport struct {
	*raft.InmemTransport
	installs     *atomic.Int64
	placeholders *atomic.Int64
}

func (c countingTransport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	c.installs.Add(1)
	return c.InmemTransport.InstallSnapshot(id, target, args, resp, data)
}

func (c countingTransport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if slices.ContainsFunc(args.Entries, IsPlaceholder) {
		c.placeholders.Add(1)
		return fmt.Errorf("a placeholder is not an entry")
	}
	return c.InmemTransport.AppendEntries(id, target, args, resp)
}

func (countingTransport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

type groupMember struct {
	raft  *raft.Raft
	fsm   *tape
	trans countingTransport
	close func()
}

// stores gives a member what raft writes to.
type stores func(t *testing.T, dir string, floor func() uint64) (raft.LogStore, func() raft.SnapshotStore, func())

// ours is the log and the snapshots of this package.
func ours(on backendKind) stores {
	return func(t *testing.T, dir string, floor func() uint64) (raft.LogStore, func() raft.SnapshotStore, func()) {
		return openOurs(t, on, dir, floor)
	}
}

func openOurs(t *testing.T, on backendKind, dir string, floor func() uint64) (raft.LogStore, func() raft.SnapshotStore, func()) {
	log, err := on.open(LogConfig{Path: filepath.Join(dir, "log"), Group: 7, Sync: SyncAlways, Floor: floor, Fatal: noFatal(t)})
	must(t, err)
	return log, func() raft.SnapshotStore {
		snaps, err := OpenSnapshots(dir, log, nil)
		must(t, err)
		return snaps
	}, func() { must(t, log.Close()) }
}

// plain is what the libraries offer.
func plain(t *testing.T, dir string, _ func() uint64) (raft.LogStore, func() raft.SnapshotStore, func()) {
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, hclog.NewNullLogger())
	must(t, err)
	return raft.NewInmemStore(), func() raft.SnapshotStore { return snaps }, func() {}
}

type threeMembers struct {
	t                      *testing.T
	open                   stores
	dir                    string
	members                map[string]*groupMember
	installs, placeholders atomic.Int64
}

func (g *threeMembers) start(name string, entries []*raft.Log) {
	g.t.Helper()
	dir := filepath.Join(g.dir, name)
	must(g.t, os.Mkdir(dir, 0o755))
	var running atomic.Pointer[raft.Raft]
	log, openSnapshots, closeLog := g.open(g.t, dir, func() uint64 {
		if r := running.Load(); r != nil {
			return max(r.CommitIndex(), r.AppliedIndex())
		}
		return 0
	})
	must(g.t, log.StoreLogs(entries))
	stable := raft.NewInmemStore()
	must(g.t, stable.SetUint64([]byte("CurrentTerm"), 3))
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(name)
	config.HeartbeatTimeout, config.ElectionTimeout, config.LeaderLeaseTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	config.CommitTimeout = 5 * time.Millisecond
	config.TrailingLogs = 5
	config.SnapshotInterval = time.Hour
	config.Logger = hclog.NewNullLogger()
	_, inner := raft.NewInmemTransport(raft.ServerAddress(name))
	m := &groupMember{fsm: &tape{}, trans: countingTransport{inner, &g.installs, &g.placeholders}}
	for other, o := range g.members {
		inner.Connect(raft.ServerAddress(other), o.trans.InmemTransport)
		o.trans.Connect(raft.ServerAddress(name), inner)
	}
	var err error
	m.raft, err = raft.NewRaft(config, m.fsm, log, stable, openSnapshots(), m.trans)
	must(g.t, err)
	running.Store(m.raft)
	m.close = func() {
		must(g.t, m.raft.Shutdown().Error())
		closeLog()
	}
	g.members[name] = m
}

func (g *threeMembers) stop() {
	for _, m := range g.members {
		m.trans.DisconnectAll()
	}
	for _, m := range g.members {
		m.close()
		must(g.t, m.trans.Close())
	}
}

func (g *threeMembers) eventually(what string, ok func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			g.t.Fatalf("not within 30 s: %s (%d snapshots sent)", what, g.installs.Load())
		}
	}
}

// apply commits a command on whichever member leads.
func (g *threeMembers) apply(command string) {
	g.t.Helper()
	g.eventually("commit of "+command, func() bool {
		for _, m := range g.members {
			if m.raft.State() == raft.Leader && m.raft.Apply([]byte(command), time.Second).Error() == nil {
				return true
			}
		}
		return false
	})
}

// Member a was cut off with 190 entries of term 2 that nobody else has. The others went on with 50 of term 3, took
// a snapshot and compacted. The snapshot ends in the middle of a's tail (hashicorp/raft#697).
func divergentTail(t *testing.T, open stores) *threeMembers {
	var servers []raft.Server
	for _, name := range []string{"a", "b", "c"} {
		servers = append(servers, raft.Server{ID: raft.ServerID(name), Address: raft.ServerAddress(name)})
	}
	common := append([]*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration,
		Data: raft.EncodeConfiguration(raft.Configuration{Servers: servers})}}, entriesOf(1, 2, 10)...)
	g := &threeMembers{t: t, open: open, dir: t.TempDir(), members: map[string]*groupMember{}}
	t.Cleanup(g.stop)
	g.start("b", slices.Concat(common, entriesOf(3, 11, 60)))
	g.start("c", slices.Concat(common, entriesOf(3, 11, 60)))
	g.apply("before")
	for _, name := range []string{"b", "c"} {
		m := g.members[name]
		g.eventually(name+" has applied", func() bool { return slices.Contains(m.fsm.all(), "before") })
		must(t, m.raft.Snapshot().Error())
	}
	g.start("a", slices.Concat(common, entriesOf(2, 11, 200)))
	g.apply("after")
	return g
}

func TestFollowerWithTailBeyondSnapshotConverges(t *testing.T) {
	onEachBackend(t, testFollowerWithTailBeyondSnapshotConverges)
}

func testFollowerWithTailBeyondSnapshotConverges(t *testing.T, on backendKind) {
	g := divergentTail(t, ours(on))
	a := g.members["a"].fsm
	g.eventually("a follows again", func() bool { return slices.Contains(a.all(), "after") })
	g.eventually("all are equal", func() bool {
		return slices.Equal(a.all(), g.members["b"].fsm.all()) && slices.Equal(a.all(), g.members["c"].fsm.all())
	})
	if n := g.installs.Load(); n < 1 || n > 3 {
		t.Errorf("%d snapshots were sent, want one (three at most, if leaders changed)", n)
	}
	if n := g.placeholders.Load(); n != 0 {
		t.Errorf("%d placeholders were about to be replicated", n)
	}
}

// The scenario bites: without the boundary the leader sends its snapshot again and again.
func TestPlainStoresLivelockOnTailBeyondSnapshot(t *testing.T) {
	g := divergentTail(t, plain)
	g.eventually("twenty snapshots in vain", func() bool { return g.installs.Load() >= 20 })
	if slices.Contains(g.members["a"].fsm.all(), "after") {
		t.Error("a follows; the test above proves nothing")
	}
}

// closeSnapshot writes a snapshot as raft does.
func closeSnapshot(t *testing.T, s *Snapshots, index, term uint64) error {
	t.Helper()
	_, trans := raft.NewInmemTransport("")
	sink, err := s.Create(1, index, term, raft.Configuration{}, 1, trans)
	if err != nil {
		return err
	}
	_, err = io.Copy(sink, bytes.NewReader(fmt.Appendf(nil, "state %d", index)))
	must(t, err)
	return sink.Close()
}
