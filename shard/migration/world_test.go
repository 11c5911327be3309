package migration

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// patience is how long a test waits for what is to happen.
const patience = 30 * time.Second

// world is two shards, the real machine of the meta group, and a wire between them that can break.
type world struct {
	t      *testing.T
	spawn  func(func(context.Context))
	meta   *metaGroup
	limits Limits
	groups map[slot.ShardID]*group
	ahead  atomic.Int64 // of the wall clock

	mu      sync.Mutex // protects the fields below
	hooks   map[Step]func(*replica)
	streams map[*stream]bool
	broken  bool // no stream opens
	twice   bool // chunks are carried twice
	largest int  // chunks that are larger break their stream; 0: none does
	carried int
}

// newWorld is a world in which shard 1 owns all slots and shard 2 none.
func newWorld(t *testing.T, change ...func(*world)) *world {
	w := &world{t: t, meta: newMetaGroup(t), groups: map[slot.ShardID]*group{}, hooks: map[Step]func(*replica){}, streams: map[*stream]bool{}}
	w.limits = Limits{UnreachableMax: patience}
	for _, c := range change {
		c(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w.t.Cleanup(func() {
		cancel()
		for _, g := range w.groups {
			g.close()
		}
		running.Wait()
		for _, g := range w.groups {
			for _, r := range g.replicas {
				r.exec.Wait()
			}
		}
	})
	w.spawn = func(f func(context.Context)) { running.Go(func() { f(ctx) }) }
	w.groups[1] = newGroup(w, 1, slot.Split(1), 3)
	w.groups[2] = newGroup(w, 2, nil, 3)
	return w
}

// hook is told of each step and runs what a test has set for it, once.
func (w *world) hook(r *replica, s Step) {
	w.mu.Lock()
	f := w.hooks[s]
	delete(w.hooks, s)
	w.mu.Unlock()
	if f != nil {
		f(r)
	}
}

// at runs f when a step is first taken.
func (w *world) at(s Step, f func(*replica)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks[s] = f
}

func (w *world) wall() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) logger(replica string) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{w.t}, &slog.HandlerOptions{Level: slog.LevelInfo})).With("replica", replica)
}

// testLog writes to the log of a test.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(p[:len(p)-1]))
	return len(p), nil
}

func (w *world) await(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// start begins a migration.
func (w *world) start(from, to slot.ShardID, ranges ...slot.Range) uint64 {
	w.t.Helper()
	result := w.meta.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
		ExpectedEpoch: w.meta.State().Epoch(), StartedMs: 1,
		Migrations: []*storagev1.NewMigration{{From: uint64(from), To: uint64(to), Ranges: meta.RangesProto(ranges)}},
	}}})
	return result.Migrations[0]
}

// ended waits until the record of a migration is collected, and returns it.
func (w *world) ended(id uint64) (found meta.Migration) {
	w.t.Helper()
	w.await("the migration ends", func() bool {
		for _, m := range w.meta.State().EndedMigrations() {
			if m.ID == id {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// settle waits until every replica has applied everything.
func (w *world) settle() {
	w.t.Helper()
	w.await("every replica has caught up", func() bool {
		for _, g := range w.groups {
			for _, r := range g.replicas {
				if !r.caughtUp() {
					return false
				}
			}
		}
		return true
	})
}
