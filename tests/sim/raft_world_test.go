package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/logstore/crashstore"
	"github.com/holtcache/holt/shard/transport"
)

// raftWorld is one shard with real hashicorp/raft, the real transport and the real log store, in the virtual time of a
// synctest bubble: only network and disks are in memory, and can be harmed.
type raftWorld struct {
	t       testing.TB
	options raftOptions
	rnd     *rand.Rand
	net     *raftNetwork
	disks   map[string]*crashstore.Disk
	nodes   map[string]*raftNode // that run
	ghosts  sync.WaitGroup       // runs that crashed and are being ended
	dir     string
	runs    int
	ahead   map[string]time.Duration // by how much a node's wall clock is ahead, from its next start on
	amnesia map[string]*raftAmnesia  // of a node's present run, or its next

	nonce atomic.Uint64
}

// raftOptions are what a scenario may choose; zero fields take the product's defaults.
type raftOptions struct {
	members   []string // a, b, c
	spares    []string // started empty
	timings   shard.Timings
	snapshots shard.SnapshotPolicy
	sync      logstore.SyncPolicy
	guarded   bool // nodes that may have forgotten something in a power cut have the amnesia guard
	defect    crashstore.Defect
	rpc       transport.RPCTimeout
	seed      uint64
	limits    executor.Limits
	shard     slot.ShardID        // shard.MetaGroup for a meta group
	slots     func() []slot.Range // nil: all are the shard's own
	beside    func(*raftNode)     // begins what runs beside a replica, on raftNode.beside until the run's ctx ends
}

// raftNode is one run of a node.
type raftNode struct {
	id        string
	host      *raftHost
	transport *transport.Transport
	wire      *transport.Group
	confirmer *shard.Confirmer
	replica   *shard.Replica // nil in a meta group
	meta      *shard.Meta    // nil in others
	disk      *crashstore.Disk
	beside    sync.WaitGroup // ends before the replica

	opened atomic.Bool     // replica is set
	ctx    context.Context // ends with the run; a client of the node hears nothing after that
	cancel context.CancelFunc
}

// raftMember is a replica of either kind.
type raftMember interface {
	Term() uint64
	Leader() (term uint64, leads bool)
	Close() error
}

func (n *raftNode) member() raftMember {
	if n.meta != nil {
		return n.meta
	}
	return n.replica
}

const simShard = slot.ShardID(3)

func newRaftWorld(t testing.TB, dir string, options raftOptions) *raftWorld {
	if options.members == nil {
		options.members = []string{"a", "b", "c"}
	}
	if options.timings == (shard.Timings{}) {
		options.timings = shard.DefaultTimings()
	}
	if options.sync == 0 {
		options.sync = logstore.SyncAlways
	}
	if options.shard == 0 {
		options.shard = simShard
	}
	if options.slots == nil {
		options.slots = func() []slot.Range { return slot.Split(1) }
	}
	rnd := rand.New(rand.NewPCG(options.seed, 1))
	w := &raftWorld{
		t: t, options: options, rnd: rnd, dir: dir,
		net:   newRaftNetwork(rand.New(rand.NewPCG(options.seed, 2))),
		disks: map[string]*crashstore.Disk{}, nodes: map[string]*raftNode{}, ahead: map[string]time.Duration{}, amnesia: map[string]*raftAmnesia{},
	}
	for i, id := range w.ids() {
		w.amnesia[id] = &raftAmnesia{}
		w.disks[id] = crashstore.New(crashstore.Config{
			Group: uint64(options.shard), Sync: options.sync, Seed: options.seed*16 + uint64(i), Defect: options.defect,
		})
		w.start(id)
	}
	return w
}

// ids are all nodes, running or not.
func (w *raftWorld) ids() []string { return slices.Concat(w.options.members, w.options.spares) }

func (w *raftWorld) ClusterAddr(id string) (string, bool) { return id, true }

// start runs a node on what its disk holds.
func (w *raftWorld) start(id string) *raftNode {
	w.t.Helper()
	n := &raftNode{id: id, disk: w.disks[id]}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	w.runs++
	var err error
	n.transport, err = transport.New(transport.Config{
		NodeID: id, ClusterID: func() string { return "sim" }, LeaseMax: w.options.timings.LeaseMax, Resolver: w,
		RPCTimeout: w.options.rpc, SpoolDir: filepath.Join(w.dir, fmt.Sprint(id, w.runs)),
		Dial: w.net.dialer(func() *raftHost { return n.host }),
	})
	w.must(err)
	n.transport.ServeConfirm(func(q transport.GroupTerm) bool {
		return n.opened.Load() && slot.ShardID(q.Group) == w.options.shard && n.member().Term() <= q.Term
	})
	n.host = w.net.join(id, func(conn net.Conn) {
		preface := make([]byte, len(transport.Preface))
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // never fails
		if _, err := readFull(conn, preface); err != nil {
			_ = conn.Close()
			return
		}
		n.transport.Serve(conn)
	})
	n.wire, err = n.transport.Group(transport.GroupID(w.options.shard))
	w.must(err)
	n.confirmer = shard.NewConfirmer(n.transport, w.options.timings.Lease)
	cfg := shard.Config{
		Group: w.options.shard, Node: id, Timings: w.options.timings, Wire: n.wire, Confirmer: n.confirmer,
		Snapshots: w.options.snapshots, Limits: w.options.limits,
		OpenStorage: func(h shard.Hooks) (shard.Storage, error) {
			s, err := n.disk.Open(crashstore.Hooks{Appended: h.Appended, Floor: h.Floor, Fatal: func(err error) {
				w.t.Errorf("%s: fatal: %v", id, err)
			}})
			if err != nil {
				return shard.Storage{}, err
			}
			return shard.Storage{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots, Close: s}, nil
		},
		Slots:  w.options.slots,
		Nonce:  func() uint64 { return w.nonce.Add(1) },
		Logger: slog.New(slog.DiscardHandler),
	}
	if w.options.guarded {
		cfg.Amnesia = w.amnesia[id]
	}
	if ahead := w.ahead[id]; ahead != 0 {
		cfg.Wall = func() time.Time { return time.Now().Add(ahead) }
	}
	if slices.Contains(w.options.members, id) {
		cfg.Bootstrap = w.options.members
	}
	if cfg.Group == shard.MetaGroup {
		n.meta, err = shard.OpenMeta(cfg)
	} else {
		n.replica, err = shard.Open(cfg)
	}
	w.must(err)
	n.opened.Store(true)
	w.nodes[id] = n
	if w.options.beside != nil {
		w.options.beside(n)
	}
	return n
}

// raftAmnesia is what a node's disk remembers of its guard.
type raftAmnesia struct{ on atomic.Bool }

func (a *raftAmnesia) Guarded() (bool, string) { return a.on.Load(), "the power was cut" }

func (a *raftAmnesia) Release() error {
	a.on.Store(false)
	return nil
}

func readFull(conn net.Conn, p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := conn.Read(p[done:])
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (w *raftWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash takes the power from a node: what it still does reaches nobody.
func (w *raftWorld) crash(id string, loss crashstore.Loss) {
	n := w.nodes[id]
	delete(w.nodes, id)
	w.net.leave(n.host)
	n.disk.Crash(loss)
	if loss != crashstore.LoseNothing && w.options.sync != logstore.SyncAlways {
		w.amnesia[id] = &raftAmnesia{}
		w.amnesia[id].on.Store(true)
	}
	n.cancel()
	w.ghosts.Go(func() {
		n.beside.Wait()
		_ = n.member().Close() // a ghost may complain about its disk
		n.confirmer.Close()
		w.must(n.transport.Close())
	})
}

// stop ends a node in good order.
func (w *raftWorld) stop(id string) {
	w.t.Helper()
	n := w.nodes[id]
	delete(w.nodes, id)
	n.cancel()
	n.beside.Wait()
	if err := n.member().Close(); err != nil {
		w.t.Errorf("close %s: %v", id, err)
	}
	n.confirmer.Close()
	w.must(n.transport.Close())
	w.net.leave(n.host)
}

// close ends the world. No goroutine of it may be left: the bubble would not end.
func (w *raftWorld) close() {
	w.net.heal()
	for _, id := range w.ids() {
		if w.nodes[id] != nil {
			w.stop(id)
		}
	}
	w.ghosts.Wait()
	w.net.serving.Wait()
}

// run runs a scenario in a bubble.
func runRaft(t *testing.T, options raftOptions, f func(w *raftWorld)) {
	t.Helper()
	raftBubble(t, func(t *testing.T) {
		w := newRaftWorld(t, t.TempDir(), options)
		defer w.close()
		f(w)
	})
}

// eventually waits in virtual time.
func (w *raftWorld) eventually(within time.Duration, what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(within)
	pause := time.Millisecond
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(pause)
		pause = min(2*pause, 20*time.Millisecond)
	}
}

// serving is a node that serves, nil for none.
func (w *raftWorld) serving() *raftNode {
	for _, id := range w.ids() {
		if n := w.nodes[id]; n != nil && n.serves() {
			return n
		}
	}
	return nil
}

func (n *raftNode) serves() bool {
	_, ok := n.replica.Executor().Serving()
	_, leads := n.replica.Leader()
	return ok && leads && n.owns()
}

// owns tells whether the shard has been given its slots.
func (n *raftNode) owns() bool {
	sl := n.replica.Store().Slot(0)
	sl.RLock()
	defer sl.RUnlock()
	return sl.StateLocked() == store.SlotOwned
}

// level tells whether every running node has applied the same entries, and all that there are.
func (w *raftWorld) level() bool {
	var last []uint64
	for _, n := range w.nodes {
		last = append(last, n.replica.State().Applied, n.replica.LastIndex())
	}
	return slices.Min(last) == slices.Max(last)
}

// leads tells whether the node believes that it leads.
func (n *raftNode) leads() bool {
	_, leads := n.member().Leader()
	return leads
}

// lead makes a node the leader that serves and that everybody follows.
func (w *raftWorld) lead(id string) *raftNode {
	w.t.Helper()
	w.eventually(2*time.Minute, id+" serves", func() bool {
		now := w.serving()
		if now == nil {
			return false
		}
		if now.id != id {
			_ = now.replica.Transfer(w.t.Context(), id) // tried again until it is so
			return false
		}
		for _, other := range w.options.members {
			if n := w.nodes[other]; n != nil {
				if node, _ := n.replica.KnownLeader(); node != id {
					return false
				}
			}
		}
		return true
	})
	return w.nodes[id]
}

// timeoutNow lets a node campaign at once, as a late message of a transfer does: without pre-vote, and its voters do
// not mind that they have a leader.
func (w *raftWorld) timeoutNow(from, to string) {
	w.t.Helper()
	w.eventually(2*time.Second, from+" lets "+to+" campaign", func() bool { // the connection may have to be made first
		return w.nodes[from].letCampaign(to) == nil
	})
}

// letCampaign sends the message of a transfer, whether or not the node leads.
func (n *raftNode) letCampaign(to string) error {
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(n.id), Addr: []byte(n.id)}
	return n.wire.TimeoutNow(raft.ServerID(to), raft.ServerAddress(to), &raft.TimeoutNowRequest{RPCHeader: header}, &raft.TimeoutNowResponse{})
}

// connected waits until what a node sends reaches the present run of another one.
func (w *raftWorld) connected(from, to string) {
	w.t.Helper()
	w.eventually(900*time.Millisecond, from+" reaches "+to, func() bool {
		ctx, cancel := w.within(20 * time.Millisecond)
		defer cancel()
		_, _, err := w.nodes[from].transport.Confirm(ctx, to, nil)
		return err == nil
	})
}

// elect makes a node the leader of a later term at once, by the vote of another one.
func (w *raftWorld) elect(id, by string) *raftNode {
	w.t.Helper()
	n := w.nodes[id]
	for range 10 {
		w.timeoutNow(by, id)
		for deadline := time.Now().Add(100 * time.Millisecond); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if n.leads() {
				return n
			}
		}
	}
	w.t.Fatalf("%s was not elected by %s", id, by)
	return nil
}
