package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// The core simulation runs three replicas of state machine, store and executor, all of them the real ones, over a model
// of Raft's contract that does the worst the contract allows. One goroutine, the scheduler, decides what happens next;
// after each act it waits until every other goroutine sleeps. So a seed gives the same run, but for about one seed in a
// hundred, in which a deadline and an answer come at the same instant and Go's select draws.
const (
	coreNodes = 3
	coreShard = slot.ShardID(2)
)

// coreWorld is one run, or one of the groups of a run.
type coreWorld struct {
	r *rand.Rand
	// shard is the group's id, slots are what it is to own from its first start on.
	shard slot.ShardID
	slots func() []slot.Range
	nodes [coreNodes]*coreNode
	msgs  []coreMsg
	ops   []*coreOp
	open  []*coreOp // ops without outcome
	conns [5]coreConn
	// increments are the first attempts of all increments, unresolved how many stay unknown since their ids have ended.
	increments []*coreOp
	unresolved int
	ctx        context.Context

	nonce uint64
	step  int
	lease time.Duration // also how long a new leader waits
	// cut is the isolated node + 1, 0 for none.
	cut    int
	slow   bool // answers to Confirm linger
	limits executor.Limits
	evict  *coreEviction
	weight [coreActs]int
	total  int

	// moment orders what the scheduler wrote before what others read once it sleeps, for the race detector.
	moment atomic.Uint64

	// violation is the first broken promise; the run ends there.
	violation string
	stat      coreStats
}

// coreStats counts what happened, so that a run in which nothing happened does not pass for a good one.
type coreStats struct {
	acked, asyncAcked, notApplied, unknown, reads, effectFree, elections, starts, skipped, refused, installed, installedOnLeaders,
	crashes, releases, shortStarts, abandoned, lostAsync, expired, registers, evicted, refusedOOM, repeats, repeated int
}

// coreNode is what of a node survives a crash, and the replica that runs now.
type coreNode struct {
	w    *coreWorld
	id   int
	role coreRole
	term int
	// voteTerm and voteFor are the last vote given, votes the set of those received.
	voteTerm, voteFor int
	votes             int
	log               []coreEntry // index i is log[i-1]
	commit            int
	match             [coreNodes]int
	transfer          bool // a leadership transfer is in progress: proposals are refused
	applyCh           []*coreProposal
	appended          []*coreProposal // by this leader, without an answer
	snapshot          []byte
	snapshotIndex     int
	wallOffset        time.Duration
	// leaseTerm, sent and sentStep are positive answers to Confirm: when their questions were sent.
	leaseTerm int
	sent      [coreNodes]time.Time
	sentStep  [coreNodes]int
	hidden    bool // the lease is not to be had just now
	*coreReplica
}

type coreRole uint8

const (
	coreFollower coreRole = iota
	coreCandidate
	coreLeader
)

type coreEntry struct {
	term int
	data []byte // nil for the entry that opens a term
}

// coreProposal is a record on its way through the leader's queue and log.
type coreProposal struct {
	record []byte
	index  int
	answer chan error
}

func (p *coreProposal) Wait() error { return <-p.answer }

// coreReplica is a running process.
type coreReplica struct {
	node   *coreNode
	dead   bool
	store  *store.Store
	exec   *executor.Executor
	driver *executor.Driver
	fsm    *raftfsm.FSM
	stop   context.CancelFunc

	// applied is what the state machine has been given; applying tells that it is busy with entries up to upTo. It
	// stops before it tells the executor, pauses times, until it is resumed.
	applied, upTo int
	applying      bool
	pauses        int
	paused        bool
	resume        chan struct{}
	done          chan struct{}

	mu       sync.Mutex
	confirms []*coreConfirm

	// releasing is the outcome of a Release that was asked for.
	releasing chan error
	released  bool
}

var (
	errCoreLost = errors.New("leadership lost while committing")
	errCoreGone = errors.New("process ended")
)

// newCoreWorld draws a world from a seed. lease is how long leases last, drawn too where it is 0.
func newCoreWorld(ctx context.Context, seed uint64, lease time.Duration) *coreWorld {
	return newCoreGroup(ctx, seed, lease, coreShard, func() []slot.Range { return slot.Split(1) })
}

// newCoreGroup is newCoreWorld for a shard of several.
func newCoreGroup(ctx context.Context, seed uint64, lease time.Duration, shard slot.ShardID, slots func() []slot.Range) *coreWorld {
	w := &coreWorld{r: rand.New(rand.NewPCG(seed, 7)), ctx: ctx, shard: shard, slots: slots}
	w.lease = time.Duration([]int{4, 10, 10, 30}[w.r.IntN(4)]) * time.Millisecond
	if lease != 0 {
		w.lease = lease
	}
	w.slow = w.r.IntN(3) == 0
	w.limits = executor.Limits{
		BatchesInFlight: []int{1, 2, 4}[w.r.IntN(3)],
		BatchBytes:      []int{1, 120, 256 << 10}[w.r.IntN(3)],
	}
	w.swarm(coreWeights, 1, 3, 10, 10, 30)
	w.evict = newCoreEviction(seed, lease != 0)
	for i := range w.nodes {
		n := &coreNode{w: w, id: i}
		n.wallOffset = time.Duration(w.r.IntN(400)-200) * time.Millisecond
		w.nodes[i] = n
		n.open()
	}
	return w
}

// open starts the process of a node, from its snapshot if it has one.
func (n *coreNode) open() {
	r := &coreReplica{node: n, store: store.New(), resume: make(chan struct{})}
	r.exec = executor.New(executor.Config{
		Shard: n.w.shard, Node: fmt.Sprint("node-", n.id), Log: r, Gate: r, LeaseMax: n.w.lease,
		Nonce:  func() uint64 { n.w.nonce++; return n.w.nonce },
		Slots:  n.w.slots,
		Limits: n.w.limits,
		Logger: slog.New(slog.DiscardHandler),
		Wall:   func() time.Time { n.w.moment.Load(); return time.Now().Add(n.wallOffset) },
		Random: n.w.evict.random,
	}, r.store)
	if n.w.evict.on {
		r.exec.SetEviction(n.w.evict.rules)
	}
	r.fsm = raftfsm.New(uint64(n.w.shard), r.store, coreListener{r})
	ctx, cancel := context.WithCancel(n.w.ctx)
	r.stop = cancel
	r.driver = r.exec.Drive(ctx)
	n.coreReplica = r
	if n.snapshot != nil {
		if err := r.fsm.Restore(io.NopCloser(bytes.NewReader(n.snapshot))); err != nil {
			n.w.fail("node %d: %v", n.id, err)
		}
	}
	r.applied, n.commit = n.snapshotIndex, n.snapshotIndex
}

// close ends the process of a node.
func (n *coreNode) close() {
	r := n.coreReplica
	r.dead = true
	for r.applying {
		n.resumeFSM()
	}
	r.stop()
	r.driver.Stop()
	for _, p := range append(n.applyCh, n.appended...) {
		p.answer <- errCoreGone
	}
	n.applyCh, n.appended = nil, nil
	r.exec.Wait()
	n.w.wait()
}

// crash ends the process and starts it again with what was on disk.
func (w *coreWorld) crash(i int) {
	n := w.nodes[i]
	n.close()
	w.stat.crashes++
	n.role, n.transfer, n.leaseTerm, n.hidden = coreFollower, false, 0, false
	n.match = [coreNodes]int{}
	n.open()
}

// wait lets everybody else run until all sleep.
func (w *coreWorld) wait() {
	w.moment.Add(1)
	synctest.Wait()
}

func (w *coreWorld) fail(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf("step %d: ", w.step) + fmt.Sprintf(format, args...)
	}
}

// Leader and Propose are the executor's view of the log.
func (r *coreReplica) Leader() (uint64, bool) {
	r.node.w.moment.Load()
	return uint64(r.node.term), !r.dead && r.node.role == coreLeader
}

func (r *coreReplica) Propose(record []byte) executor.Proposal {
	p := &coreProposal{record: record, answer: make(chan error, 1)}
	r.node.applyCh = append(r.node.applyCh, p)
	r.node.w.noteProposal(r.node, record)
	return p
}

// coreListener stands between state machine and executor: it lets the scheduler run between the moment at which a
// record is in the store and the moment at which the executor hears of it.
type coreListener struct{ r *coreReplica }

func (l coreListener) pause() {
	if l.r.pauses > 0 {
		l.r.pauses--
		l.r.paused = true
		<-l.r.resume
	}
}

func (l coreListener) SectionAppliedLocked(h entry.Header, s *entry.Section) {
	l.r.exec.SectionAppliedLocked(h, s)
}

func (l coreListener) SlotDroppedLocked(h entry.Header, s slot.ID) { l.r.exec.SlotDroppedLocked(h, s) }

func (l coreListener) HandoverChanged(state raftfsm.State) {
	l.pause()
	l.r.exec.HandoverChanged(state)
}

func (l coreListener) Applied(h entry.Header, index uint64) {
	l.pause()
	l.r.exec.Applied(h, index)
}

func (l coreListener) Skipped(h entry.Header) {
	l.pause()
	l.r.node.w.stat.skipped++
	l.r.exec.Skipped(h)
}

func (l coreListener) Started(s entry.ExecutorStart, term uint64, afterRelease bool, state raftfsm.State) {
	l.pause()
	if afterRelease {
		l.r.node.w.stat.shortStarts++
	}
	l.r.node.w.stat.starts++
	l.r.exec.Started(s, term, afterRelease, state)
}

func (l coreListener) Restored(state raftfsm.State) { l.r.exec.Restored(state) }

// applySome lets the state machine apply up to limit committed entries, or go on with those it is at.
func (n *coreNode) applySome(limit, pauses int) {
	r := n.coreReplica
	if r.applying {
		n.resumeFSM()
		return
	}
	count := min(n.commit-r.applied, limit)
	if count <= 0 {
		return
	}
	logs := make([]*raft.Log, 0, count)
	for i := r.applied; i < r.applied+count; i++ {
		e := n.log[i]
		l := &raft.Log{Index: uint64(i + 1), Term: uint64(e.term), Type: raft.LogCommand, Data: e.data}
		if e.data == nil {
			l.Type = raft.LogNoop
		}
		logs = append(logs, l)
	}
	r.applying, r.upTo, r.pauses, r.done = true, r.applied+count, pauses, make(chan struct{})
	go func() {
		defer close(r.done)
		r.fsm.ApplyBatch(logs)
	}()
	n.afterFSM()
}

func (n *coreNode) resumeFSM() {
	n.paused = false
	n.resume <- struct{}{}
	n.afterFSM()
}

// afterFSM waits until the state machine sleeps, and answers the proposals whose entries it is through with.
func (n *coreNode) afterFSM() {
	n.w.wait()
	r := n.coreReplica
	if r.paused {
		return
	}
	<-r.done
	r.applied, r.applying = r.upTo, false
	rest := n.appended[:0]
	for _, p := range n.appended {
		if p.index <= r.applied {
			p.answer <- nil
		} else {
			rest = append(rest, p)
		}
	}
	n.appended = rest
	n.w.wait()
}

// takeSnapshot writes the snapshot of a replica that is between two entries.
func (n *coreNode) takeSnapshot() []byte {
	s, err := n.fsm.Snapshot()
	if err != nil {
		n.w.fail("node %d: %v", n.id, err)
		return nil
	}
	defer s.Release()
	var sink coreSink
	if err := s.Persist(&sink); err != nil {
		n.w.fail("node %d: %v", n.id, err)
	}
	return sink.Bytes()
}

type coreSink struct{ bytes.Buffer }

func (*coreSink) ID() string    { return "snapshot" }
func (*coreSink) Cancel() error { return nil }
func (*coreSink) Close() error  { return nil }

// digest is what two runs of a seed have in common: every outcome, and every replica's state.
func (w *coreWorld) digest() uint64 {
	h := fnv.New64a()
	for _, o := range w.ops {
		fmt.Fprint(h, o.id, o.kind, o.start, o.end, o.out, o.version, o.seen, ";")
	}
	for _, n := range w.nodes {
		fmt.Fprintf(h, "%+v", n.fsm.State())
		fmt.Fprint(h, n.store.Digest())
	}
	fmt.Fprintf(h, "%+v", w.stat)
	return h.Sum64()
}

// coreResult is what a run leaves behind.
type coreResult struct {
	violation string
	stat      coreStats
	digest    uint64
}

// runCore runs one seed in a bubble of virtual time.
func runCore(t *testing.T, seed uint64, steps int, withDigest bool) (result coreResult) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w := newCoreWorld(ctx, seed, 0)
		w.elect(0, 1)
		for w.step = 1; w.step < steps && w.violation == ""; w.step++ {
			w.act()
		}
		if w.violation == "" {
			w.heal()
		}
		if w.violation == "" {
			w.check()
		}
		if withDigest {
			result.digest = w.digest()
		}
		result.violation, result.stat = w.violation, w.stat
		cancel()
		for _, n := range w.nodes {
			n.close()
		}
	})
	return result
}

func coreIDs(value []byte) []uint32 {
	ids := make([]uint32, 0, len(value)/4)
	for ; len(value) >= 4; value = value[4:] {
		ids = append(ids, binary.LittleEndian.Uint32(value))
	}
	return ids
}

// fields lists the counts by name.
func (s *coreStats) fields() map[string]*int {
	return map[string]*int{
		"acked": &s.acked, "async acked": &s.asyncAcked, "not applied": &s.notApplied, "unknown": &s.unknown, "reads": &s.reads,
		"effect-free": &s.effectFree, "elections": &s.elections, "starts": &s.starts, "skipped": &s.skipped, "refused": &s.refused,
		"snapshots installed": &s.installed, "snapshots installed on former leaders": &s.installedOnLeaders, "crashes": &s.crashes,
		"releases": &s.releases, "starts without a wait": &s.shortStarts, "abandoned": &s.abandoned, "async writes lost": &s.lostAsync,
		"reads of an expired key": &s.expired, "register operations": &s.registers,
		"evicted keys": &s.evicted, "requests refused for want of memory": &s.refusedOOM,
		"repeated increments": &s.repeats, "increments that were found applied": &s.repeated,
	}
}

func (s *coreStats) add(other coreStats) {
	to := s.fields()
	for name, from := range other.fields() {
		*to[name] += *from
	}
}

// demandAll fails the test if something that was to be tried never happened.
func (s *coreStats) demandAll(t *testing.T) {
	for name, n := range s.fields() {
		if *n == 0 {
			t.Errorf("no run had any of: %s", name)
		}
	}
}
