package executor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// tenure is one stretch in which this replica serves: from its own ExecutorStart, applied in the term it was proposed
// in, to whatever ends it. A reader that finds the same tenure before and after it has looked saw nothing dropped.
type tenure struct {
	term        uint64
	incarnation uint64
}

// phase is what the executor is doing. Run's goroutine owns it.
type phase uint8

const (
	phaseIdle     phase = iota // not the leader
	phaseRestart               // leader; the next thing is to propose an ExecutorStart
	phaseStarting              // ExecutorStart proposed, its fate open
	phaseWaiting               // own ExecutorStart applied; leases of earlier leaders may still run
	phaseServing
	phaseDraining  // a release was asked for; batches in flight
	phaseReleasing // LEASE_RELEASE proposed; nothing is served until an ExecutorStart of our own
)

// Executor is the executor of one replica. It does nothing while the replica does not lead.
type Executor struct {
	cfg     Config
	store   *store.Store
	overlay overlay
	clock   *Clock

	// tenure is nil while this replica does not serve.
	tenure atomic.Pointer[tenure]
	wake   chan struct{}

	// The fields of this group belong to Run's goroutine.
	phase    phase
	term     uint64    // the term that phase is about
	seenTerm uint64    // the latest term in which this replica was seen to lead
	seenAt   time.Time // when that was seen first
	serveAt  time.Time
	nonce    uint64
	inc      uint64
	seq      uint64 // of the last batch that was opened
	version  uint64
	assigned bool // the shard's slots were given to it once; raftfsm.State.Assigned
	builder  *entry.Builder
	open     *batch
	versions uint64 // that the open batch has used
	sealed   []sealedBatch
	tx       Tx
	release  *releaseNote
	// activating counts activations from their evaluation until their slots are served: an applied one is in no batch any
	// more, and its hand-over is over.
	activating int
	// requestsTurn tells that a control record came last: requests and control records take turns.
	requestsTurn bool
	retryAt      time.Time
	futures      chan future
	// versionsMax bounds the versions that one batch, and beyond it one request, can use, so that all batches that can
	// be dropped at once stay below raftfsm.VersionGap.
	versionsMax uint64
	workers     sync.WaitGroup // goroutines that wait for a quorum's word, and the one that waits for futures

	mu            sync.Mutex // protects the fields below; a slot's lock comes before it; nothing blocks under it
	queue         queue
	batches       []*batch
	inFlight      int // proposed, without verdict
	inFlightBytes int
	unanswered    int // requests of the batches in flight that nobody has answered yet
	answered      int // requests of the last batch that has a verdict, 0 once their callers had time to come again
	applied       BatchID
	notes         []note
	controls      []*pendingControl // wait for their turn
	handed        chan struct{}     // closed and replaced whenever slots may have changed hands
	changed       chan struct{}     // closed and replaced whenever tenure or leadership may have changed
	closed        bool

	gone goneKeys
	// appliedTime is the time of the last applied record; the FSM goroutine writes it.
	appliedTime atomic.Int64
	appended    appendFence
	stats       counters
	memory      memory
	victims     victims                  // belongs to Run's goroutine
	eviction    atomic.Pointer[Eviction] // nil: no limit
	taps        atomic.Pointer[[]*tap]   // nil: none; changed under mu
	// handing is raftfsm.State.Handovers, handedVersion its version as of the last record of a hand-over. The FSM goroutine
	// writes both and alone reads the second.
	handing       atomic.Pointer[[]raftfsm.Handover]
	handedVersion uint64
	// lazyExpiry: expired keys are deleted only when somebody asks for them.
	lazyExpiry atomic.Bool
	// trimWanted tells Run that there is more than the budget.
	trimWanted atomic.Bool
	// use is how uses are noted, nil while the meaning of stamps changes. stampMu orders those who change that.
	use     atomic.Pointer[use]
	stampMu sync.Mutex // held while all stamps are converted; no other lock is taken before it
}

var _ raftfsm.Listener = (*Executor)(nil)

// New returns an executor over the store of a replica. Run has to be called for it to do anything.
func New(cfg Config, st *store.Store) *Executor {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.yield == nil {
		cfg.yield = yield
	}
	e := &Executor{
		cfg:     cfg,
		store:   st,
		clock:   newClock(cfg.Wall),
		wake:    make(chan struct{}, 1),
		builder: entry.NewBuilder(),
		changed: make(chan struct{}),
		handed:  make(chan struct{}),
		futures: make(chan future, 4*cfg.Limits.BatchesInFlight+16),
	}
	e.tx.e = e
	e.use.Store(&use{random: e.random})
	e.stampWrites()
	// In flight, open, and at most three sealed.
	e.versionsMax = raftfsm.VersionGap / 2 / uint64(cfg.Limits.BatchesInFlight+4)
	return e
}

// Clock is the shard's time on this replica.
func (e *Executor) Clock() *Clock { return e.clock }

// Serving tells whether this replica serves, and in which term.
func (e *Executor) Serving() (term uint64, ok bool) {
	if ten := e.tenure.Load(); ten != nil {
		return ten.term, true
	}
	return 0, false
}

// Changed is closed at the next change of Serving.
func (e *Executor) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// Kick makes Run look at leadership again.
func (e *Executor) Kick() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Submit queues requests for evaluation, in order, and counts them in with the waiter. Either all are taken or, with
// an error, none.
func (e *Executor) Submit(w *Waiter, requests ...*Request) error {
	if e.tenure.Load() == nil {
		// Not serving yet, or no more: queue only while this replica leads.
		if _, leads := e.cfg.Log.Leader(); !leads {
			return e.notLeader()
		}
	}
	for _, r := range requests {
		r.waiter = w
	}
	w.add(len(requests))
	e.mu.Lock()
	switch {
	case e.closed:
		e.mu.Unlock()
		w.add(-len(requests))
		return apierr.New(apierr.KindShutdown, "shard %d: this node is shutting down; not applied, retry at another node", e.cfg.Shard)
	case e.queue.len()+len(requests) > e.cfg.Limits.QueueRequests:
		e.mu.Unlock()
		w.add(-len(requests))
		return apierr.New(apierr.KindBusy, "shard %d: %d requests wait already (limit QueueRequests); not applied, retry later", e.cfg.Shard, e.cfg.Limits.QueueRequests)
	}
	e.queue.push(requests)
	e.mu.Unlock()
	e.Kick()
	return nil
}

// requeue puts requests that have left no trace back where they stood in the queue.
func (e *Executor) requeue(requests []*Request) {
	again := make([]*Request, 0, len(requests))
	for _, r := range requests {
		if r.requeue() {
			again = append(again, r)
		}
	}
	if len(again) == 0 {
		return
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.queue.putBack(again)
	}
	e.mu.Unlock()
	if closed {
		e.refuse(again)
		return
	}
	e.Kick()
}

// refuse answers requests that were never evaluated, or left no trace.
func (e *Executor) refuse(requests []*Request) {
	for _, r := range requests {
		r.settle(apierr.New(apierr.KindNotLeader, "shard %d: this node is not the leader; not applied, retry there", e.cfg.Shard))
	}
}

// endTenure stops serving. The note or the phase that says why makes Run start again.
func (e *Executor) endTenure() {
	if e.tenure.Swap(nil) != nil {
		e.signalChange()
	}
}

// endTenureOf stops serving in an incarnation of which a record will never be applied: whatever was evaluated behind it
// will not be either.
func (e *Executor) endTenureOf(incarnation uint64) {
	if ten := e.tenure.Load(); ten != nil && ten.incarnation == incarnation && e.tenure.CompareAndSwap(ten, nil) {
		e.signalChange()
	}
}

func (e *Executor) signalChange() {
	e.mu.Lock()
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
}

func (e *Executor) queued() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queue.len()
}

// ctxOrTimeout bounds how long a quorum's word is waited for.
func ctxOrTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, confirmTimeout)
}

// confirmTimeout bounds how long an effect-free request waits for a quorum's word; callers give up earlier.
const confirmTimeout = 5 * time.Second
