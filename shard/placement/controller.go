package placement

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	// tick is how often the controller looks around without having been told of a change.
	tick = time.Second
	// soon is how often it looks while it waits for something that announces no change, such as a learner's log.
	soon = 100 * time.Millisecond
	// gap lies between any two rounds, so that a storm of changes does not make as many rounds.
	gap = 10 * time.Millisecond
	// actionTimeout bounds each proposal, membership change, transfer or question.
	actionTimeout = 5 * time.Second
)

// Config is what a controller acts through.
type Config struct {
	// Self is the id of the node.
	Self     string
	Meta     Meta
	Members  MetaMembers
	Leaders  Leaders
	Groups   Groups
	Loads    Loads
	Liveness Liveness
	Log      *slog.Logger
}

// Controller brings the cluster step by step to where it belongs, while its node leads the meta group.
type Controller struct {
	Config
	wake   chan struct{}
	status atomic.Pointer[Status]
	// handing is held while the leadership of a shard moves so that a replica can go: one at a time. It is held across the
	// move; only the steps of one round wait for each other.
	handing sync.Mutex

	// The fields below belong to the goroutine of Run.

	// backoffs are by what failed: the name of a step, or of a shard's transfer.
	backoffs map[string]*backoff
	// silent is since when nodes have not been heard.
	silent map[string]time.Time
	// settled are the shards that were found to be where they belong, with what that was seen by.
	settled map[slot.ShardID]string
	// moving are the shards that were on their way in the last round, with when they began to be.
	moving map[slot.ShardID]time.Time
	// transferred is when leaderships were moved last.
	transferred time.Time
	// usage is what was measured for the rebalance that runs; nil where nothing was.
	usage *measured
	// moved is when shards were last seen to take part in a migration.
	moved map[slot.ShardID]time.Time
	// decided are the migrations whose decision was noted.
	decided map[uint64]bool
	// acting tells whether the node led the meta group in the round before.
	acting bool
}

// Status is what a controller is about, for `holt cluster status`.
type Status struct {
	// Acting tells whether this controller is the one that acts.
	Acting bool
	// Waiting says, one line each, what it is waiting for or cannot do; empty when the cluster is where it belongs.
	Waiting []string
}

// NewController is a controller that does nothing until Run.
func NewController(config Config) *Controller {
	c := &Controller{Config: config, wake: make(chan struct{}, 1), backoffs: map[string]*backoff{}}
	c.status.Store(&Status{})
	return c
}

// Status tells what the controller is about. It may be called at any time.
func (c *Controller) Status() Status { return *c.status.Load() }

// Wake makes the controller look around at once: for changes of leaders or liveness. It never blocks.
func (c *Controller) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run acts until ctx ends, whenever this node leads the meta group. It returns the cause of ctx's end.
func (c *Controller) Run(ctx context.Context) error {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	defer c.status.Store(&Status{})
	for {
		// The channel comes before the state, so that no change is missed between the two.
		changed := c.Meta.Changed()
		next := c.reconcile(ctx)
		timer.Reset(gap)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// progress is what a step has come to.
type progress struct {
	// waiting says what the step waits for; empty when there is nothing left to do.
	waiting string
	// also says what else it waits for.
	also []string
	// again is when to look again if no change is announced before; 0 means at the next tick.
	again time.Duration
}

// step is one concern of the controller. The order of the table is the order in which a cluster comes to life; each step
// sees from the state whether its time has come, so that one which fails does not keep the others from their work.
type step struct {
	name string
	run  func(*Controller, context.Context, *meta.State) (progress, error)
}

var steps = []step{
	{"grow the meta group", (*Controller).growMeta},
	{"create shards", (*Controller).createShards},
	{"place replicas", (*Controller).placeReplicas},
	{"rebalance", (*Controller).rebalance},
	{"return leaders", (*Controller).returnLeaders},
}

// reconcile takes each step that can be taken now, and tells when to look again.
func (c *Controller) reconcile(ctx context.Context) time.Duration {
	if !c.Meta.Leading() {
		// What failed for an earlier leadership says nothing about the next.
		clear(c.backoffs)
		c.silent, c.settled, c.moving, c.usage, c.moved, c.decided = nil, nil, nil, nil, nil, nil
		c.acting = false
		c.status.Store(&Status{})
		return tick
	}
	if !c.acting {
		c.acting = true
		c.Log.Info("controller acts", "epoch", c.Meta.State().Epoch())
	}
	if !c.Meta.State().Initialized() {
		c.status.Store(&Status{Acting: true, Waiting: []string{"waiting for the cluster to begin: run holt cluster init"}})
		return tick
	}
	c.noteSilence(c.Meta.State())
	status := &Status{Acting: true}
	next := tick
	for _, s := range steps {
		if !c.Meta.Leading() {
			break
		}
		p := c.take(ctx, s)
		if p.waiting != "" {
			status.Waiting = append(status.Waiting, p.waiting)
		}
		status.Waiting = append(status.Waiting, p.also...)
		if p.again > 0 {
			next = min(next, p.again)
		}
	}
	c.status.Store(status)
	return next
}

// take runs one step unless it has failed just now.
func (c *Controller) take(ctx context.Context, s step) progress {
	b := c.backoff(s.name)
	if wait := b.wait(time.Now()); wait > 0 {
		return progress{waiting: s.name + ": " + b.text, again: wait}
	}
	p, err := s.run(c, ctx, c.Meta.State())
	if err != nil {
		c.failed(ctx, s.name, err)
		return progress{waiting: s.name + ": " + err.Error(), again: b.wait(time.Now())}
	}
	c.succeeded(s.name, 0)
	return p
}

func (c *Controller) backoff(name string) *backoff {
	b, ok := c.backoffs[name]
	if !ok {
		b = &backoff{}
		c.backoffs[name] = b
	}
	return b
}

// failed notes a failure. It is logged where it is news, and not where it is but the end of this node's leadership or of
// the controller.
func (c *Controller) failed(ctx context.Context, name string, err error) {
	if c.backoff(name).fail(time.Now(), err) && ctx.Err() == nil && c.Meta.Leading() {
		c.Log.Warn("controller step failed, trying again later", "step", name, "error", err)
	}
}

func (c *Controller) succeeded(name string, hold time.Duration) {
	if c.backoff(name).succeed(time.Now(), hold) {
		c.Log.Info("controller step works again", "step", name)
	}
}
