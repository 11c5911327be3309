package host

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/migration"
)

// migrationsAtOnce is how many migrations a node sends at a time.
const migrationsAtOnce = 4

// driving is the driver of a replica's migrations, which runs until cancel and then closes done.
type driving struct {
	*migration.Driver
	cancel context.CancelFunc
	done   chan struct{}
}

// drive lets a replica take part in migrations whenever it serves.
func (h *Host) drive(r *shard.Replica) {
	h.stopDriving(r.Group()) // of a replica that was here before
	ctx, cancel := context.WithCancel(h.ctx)
	d := driving{cancel: cancel, done: make(chan struct{}), Driver: migration.New(migration.Config{
		Group: GroupOf(r), Meta: h, Wire: &migrationWire{h: h}, Permits: h.permits, Hook: h.cfg.MigrationHook, Logger: h.cfg.Logger,
	})}
	h.mu.Lock()
	h.drivers[r.Group()] = d
	h.mu.Unlock()
	go func() {
		defer close(d.done)
		_ = d.Run(ctx) // its only error is ctx's
	}()
}

// stopDriving ends what drive has begun. Nothing of it holds the replica any more, which may be closed then.
func (h *Host) stopDriving(id slot.ShardID) {
	h.mu.Lock()
	d, ok := h.drivers[id]
	delete(h.drivers, id)
	h.mu.Unlock()
	if ok {
		d.cancel()
		<-d.done
	}
}

// stopAllDriving ends the drivers of all replicas.
func (h *Host) stopAllDriving() {
	h.mu.Lock()
	ids := slices.Collect(maps.Keys(h.drivers))
	h.mu.Unlock()
	for _, id := range ids {
		h.stopDriving(id)
	}
}

// GroupOf is a replica as the driver of its migrations acts on it.
func GroupOf(r *shard.Replica) migration.Group { return groupOf{r} }

type groupOf struct{ r *shard.Replica }

var _ migration.Meta = (*Host)(nil)

func (g groupOf) Shard() slot.ShardID      { return g.r.Group() }
func (g groupOf) Serving() (uint64, bool)  { return g.r.Executor().Serving() }
func (g groupOf) State() raftfsm.State     { return g.r.State() }
func (g groupOf) Store() *store.Store      { return g.r.Store() }
func (g groupOf) Changed() <-chan struct{} { return g.r.Executor().Changed() }

func (g groupOf) Control(ctx context.Context, c executor.Control) error {
	return g.r.Executor().Control(ctx, c)
}

func (g groupOf) AddTap(ranges []slot.Range, t executor.Tap) (remove func()) {
	return g.r.Executor().AddTap(ranges, t)
}

// migrationWire reaches the leaders of other shards.
type migrationWire struct {
	h     *Host
	tries atomic.Uint64
}

// Carry opens a stream to whoever is believed to lead the target, and every other time to another of its replicas: a replica
// knows that it leads before gossip says so, and one that does not answers at once.
func (w *migrationWire) Carry(ctx context.Context, open migration.Open) (migration.Stream, error) {
	node, _, _ := w.h.Leader(open.To)
	if try := w.tries.Add(1) - 1; node == "" || try%2 == 1 {
		if s, ok := w.h.State().Shard(open.To); ok && len(s.Replicas) > 0 {
			node = s.Replicas[int(try/2)%len(s.Replicas)]
		}
	}
	if node == "" {
		return nil, apierr.New(apierr.KindClusterDown, "shard %d: no leader is known; nothing was sent, retry", open.To)
	}
	return w.h.cfg.Nodes.Carry(ctx, node, open)
}

// ReceiveMigration takes the chunks of a migration to a shard that this node leads.
func (h *Host) ReceiveMigration(ctx context.Context, open migration.Open, c migration.Carrier) error {
	d, ok := h.driver(open.To)
	if !ok {
		return apierr.New(apierr.KindNotLeader, "shard %d has no replica on this node; nothing was taken, retry at its leader", open.To)
	}
	return d.Receive(ctx, open, c)
}

// driver is what drives the migrations of this node's replica of a shard.
func (h *Host) driver(id slot.ShardID) (driving, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, ok := h.drivers[id]
	return d, ok
}

// MigrationsHere lists how far the migrations have come that this node drives, by id, the source's side first.
func (h *Host) MigrationsHere() []migration.Progress {
	h.mu.Lock()
	drivers := make([]driving, 0, len(h.drivers))
	for _, d := range h.drivers {
		drivers = append(drivers, d)
	}
	h.mu.Unlock()
	var list []migration.Progress
	for _, d := range drivers {
		list = append(list, d.Progress()...)
	}
	slices.SortFunc(list, func(a, b migration.Progress) int {
		return cmp.Or(cmp.Compare(a.Migration, b.Migration), cmp.Compare(a.Side, b.Side))
	})
	return list
}
