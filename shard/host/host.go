package host

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/shard/transport"
)

// Names in the data folder.
const (
	metaFolder   = "meta"
	shardsFolder = "shards"
	logFile      = "log.db" // of a group, with LogStoreBolt
)

// Host is this node's part in the Raft groups of its cluster.
type Host struct {
	cfg       Config
	timings   shard.Timings
	transport *transport.Transport
	confirmer *shard.Confirmer
	meta      *shard.Meta

	windows *logstore.Budget
	turn    *shard.Turn // of the shards' snapshots; those of the meta group are small and wait for nobody
	permits migration.Permits
	saving  saving
	lost    []string // nodes that recoveries on this folder have given up

	// watched is the newest meta state that was heard from another node; nil where none was.
	watched atomic.Pointer[meta.State]
	// answered is the node that answered as the meta leader last; nil where none did.
	answered atomic.Pointer[string]

	settled settled

	// saidRemoved: the log says that this node was removed.
	saidRemoved atomic.Bool

	// maxMemory is what this node was told it may hold; nil leaves it at what the cluster remembers.
	maxMemory atomic.Pointer[int64]
	memory    sync.Mutex // held while that changes, across the proposal

	using     sync.Mutex // protects the fields below; held across the I/O of a changed sync policy
	used      map[*shard.Replica]rules
	usedEpoch uint64              // of the state that used is of
	kept      logstore.SyncPolicy // the setting of which it was said that the log store cannot go by it

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// givenUp says why Load does not go on, once it does not.
	givenUp atomic.Pointer[error]

	mu       sync.Mutex // protects the fields below; never held across I/O
	replicas map[slot.ShardID]*shard.Replica
	drivers  map[slot.ShardID]driving // of their migrations
	failed   map[slot.ShardID]string  // why a replica could not be opened or removed, so that it is logged once
	damaged  map[slot.ShardID]bool    // replicas that are left out until they have left their groups
	unclosed map[slot.ShardID]error   // why a replica that left could not be closed
	changed  chan struct{}            // closed and replaced at every change
	wake     chan struct{}            // for the goroutine that opens replicas
	closed   bool                     // nothing is loaded any more
	loads    sync.WaitGroup           // calls of Load; Add only while not closed

	closing  sync.Once
	closeErr error
}

// Open opens the replicas that the data folder holds and starts to follow the meta group.
func Open(cfg Config) (*Host, error) {
	h, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := h.Load(context.Background()); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// New begins to speak with other nodes and to follow the meta group. Load opens the replicas of shards; until it has, this
// node leads none of them.
func New(cfg Config) (*Host, error) {
	h := &Host{
		cfg: cfg,
		timings: shard.Timings{
			Heartbeat: cfg.Settings.Heartbeat, Election: cfg.Settings.Heartbeat,
			Lease: cfg.Settings.Lease, LeaseMax: cfg.Settings.LeaseMax,
		},
		windows:  logstore.NewBudget(windowBytesMax),
		turn:     shard.NewTurn(),
		permits:  migration.NewPermits(migrationsAtOnce),
		replicas: map[slot.ShardID]*shard.Replica{},
		drivers:  map[slot.ShardID]driving{},
		failed:   map[slot.ShardID]string{},
		unclosed: map[slot.ShardID]error{},
		changed:  make(chan struct{}),
		wake:     make(chan struct{}, 1),
	}
	h.maxMemory.Store(cfg.MaxMemoryBytes)
	var err error
	if h.lost, err = cfg.Folder.lostNodes(); err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	t, err := transport.New(transport.Config{
		NodeID: cfg.Self.ID, ClusterID: cfg.Folder.ClusterID, LeaseMax: h.timings.LeaseMax,
		HeartbeatTick: max(h.timings.Heartbeat/8, minTick), Resolver: resolver{h}, Dial: cfg.Dial,
		Placeholder: logstore.IsPlaceholder, GaveUp: h.gaveUp,
		SpoolDir: filepath.Join(cfg.Folder.Dir, "spool"), Logger: cfg.Logger,
		RPCTimeout: transport.RPCTimeout{Control: h.timings.Heartbeat},
	})
	if err != nil {
		h.cancel()
		return nil, fmt.Errorf("open host: %w", err)
	}
	h.transport = t
	h.confirmer = shard.NewConfirmer(t, h.timings.Lease)
	t.ServeConfirm(h.answerConfirm)
	t.HoldBack(func(g transport.GroupID) bool { return slot.ShardID(g) != shard.MetaGroup })
	if err := h.openMeta(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.wg.Go(h.stayRegistered)
	h.wg.Go(h.followMeta)
	h.wg.Go(h.passLeadersOn)
	h.wg.Go(h.keepSettings)
	return h, nil
}

// Transport takes over connections of the cluster port that begin with transport.Preface.
func (h *Host) Transport() *transport.Transport { return h.transport }

// answerConfirm tells whether this node knows of no term later than the one asked about. A group that is not open here
// knows nothing, so the answer is no.
func (h *Host) answerConfirm(q transport.GroupTerm) bool {
	if slot.ShardID(q.Group) == shard.MetaGroup {
		m := h.localMeta()
		return m != nil && m.Term() <= q.Term
	}
	r, ok := h.Replica(slot.ShardID(q.Group))
	return ok && r.Term() <= q.Term
}

func (h *Host) localMeta() *shard.Meta {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.meta
}

// config is what the replicas of this node have in common.
func (h *Host) config(group slot.ShardID, folder string, bootstrap []string) (shard.Config, error) {
	wire, err := h.transport.Group(transport.GroupID(group))
	if err != nil {
		return shard.Config{}, err
	}
	return shard.Config{
		Group: group, Node: h.cfg.Self.ID, Timings: h.timings, Wire: wire, Confirmer: h.confirmer, Bootstrap: bootstrap,
		Amnesia:     amnesia{h.cfg.Folder.Run, uint64(group)},
		OpenStorage: func(hooks shard.Hooks) (shard.Storage, error) { return h.openStorage(group, folder, wire, hooks) },
		Changed:     h.signal, Observer: h.cfg.Observer, Limits: h.cfg.Limits,
		Nonce: rand.Uint64, Wall: h.cfg.Wall, Logger: h.cfg.Logger, HashSeed: h.cfg.Folder.HashSeed(),
	}, nil
}

// Replica is this node's replica of a shard.
func (h *Host) Replica(id slot.ShardID) (*shard.Replica, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, ok := h.replicas[id]
	return r, ok
}

// Replicas lists this node's replicas by shard.
func (h *Host) Replicas() []*shard.Replica {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]slot.ShardID, 0, len(h.replicas))
	for id := range h.replicas {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	replicas := make([]*shard.Replica, 0, len(ids))
	for _, id := range ids {
		replicas = append(replicas, h.replicas[id])
	}
	return replicas
}

// Changed is closed at the next change of state, leaders or replicas.
func (h *Host) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *Host) signal() {
	h.mu.Lock()
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
	if h.cfg.Changed != nil {
		h.cfg.Changed()
	}
}

// AcceptDataLoss ends the amnesia guard of every group of this node: the operator says that acknowledged entries which are
// missing here may stay lost.
func (h *Host) AcceptDataLoss() error { return h.cfg.Folder.Run.ReleaseAll() }

// Guarded lists the replicas of this node whose amnesia guard is on, the meta group's first.
func (h *Host) Guarded() []shard.GuardStatus {
	var list []shard.GuardStatus
	if m := h.localMeta(); m != nil {
		if s, on := m.Guard(); on {
			list = append(list, s)
		}
	}
	for _, r := range h.Replicas() {
		if s, on := r.Guard(); on {
			list = append(list, s)
		}
	}
	return list
}

// amnesia is the guard of one group in the data folder's record.
type amnesia struct {
	run   *logstore.Run
	group uint64
}

func (a amnesia) Guarded() (bool, string) { return a.run.Guarded(a.group) }

func (a amnesia) Release() error { return a.run.Release(a.group) }

// Leave hands over every leadership, so that stopping this node costs clients nothing. It is bounded by ctx.
func (h *Host) Leave(ctx context.Context) {
	h.settled.leaving.Store(true)
	h.transport.Retire() // or the controller would hand them back
	var wg sync.WaitGroup
	for _, r := range h.Replicas() {
		if _, leads := r.Leader(); !leads {
			continue
		}
		wg.Go(func() {
			if err := r.Transfer(ctx, ""); err != nil {
				h.cfg.Logger.Info("leadership was not handed over before stopping", "shard", r.Group(), "err", err)
			}
		})
	}
	wg.Wait()
	if m := h.localMeta(); m != nil {
		if _, leads := m.Leader(); leads && len(m.Members().Voters) > 1 {
			if err := m.Transfer(ctx, ""); err != nil {
				h.cfg.Logger.Info("leadership of the meta group was not handed over before stopping", "err", err)
			}
		}
	}
}

// Close stops every group. It may be called twice.
func (h *Host) Close() error {
	h.closing.Do(func() { h.closeErr = h.close() })
	return h.closeErr
}

func (h *Host) close() error {
	h.saving.end(h.cancel)
	h.giveUp(errClosed)
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.loads.Wait()
	h.wg.Wait()
	h.stopAllDriving()
	var errs []error
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, r := range h.Replicas() {
		wg.Go(func() {
			err := r.Close()
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	if m := h.localMeta(); m != nil {
		errs = append(errs, m.Close())
	}
	h.confirmer.Close()
	return errors.Join(append(errs, h.transport.Close())...)
}

func groupName(id slot.ShardID) string { return strconv.FormatUint(uint64(id), 10) }
