package migration

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Driver drives the migrations of one shard while its replica serves (PROTOCOL rule 19).
type Driver struct {
	cfg      Config
	throttle throttle
	// attempts counts those of this process: with the incarnation in front, no two have the same name.
	attempts atomic.Uint64
	// finished wakes Run when a task has ended.
	finished chan struct{}

	// term is that in which tasks run. It belongs to Run's goroutine.
	term  uint64
	tasks sync.WaitGroup

	mu      sync.Mutex // protects the fields below
	running map[uint64]*runningTask
	changed chan struct{} // closed and replaced when something has been done for a migration
}

type runningTask struct {
	*task
	cancel context.CancelFunc
}

// New returns a driver that does nothing before Run.
func New(cfg Config) *Driver {
	cfg.Limits = cfg.Limits.withDefaults()
	d := &Driver{cfg: cfg, finished: make(chan struct{}, 1), running: map[uint64]*runningTask{}, changed: make(chan struct{})}
	d.throttle.rate = func() int64 { return cfg.Meta.State().Settings().MigrationRateBytes }
	return d
}

// Run drives until ctx ends, and returns when nothing runs any more.
func (d *Driver) Run(ctx context.Context) error {
	defer d.stop()
	for {
		// The channels come before the looks, so that no change is missed between the two.
		metaChanged, groupChanged := d.cfg.Meta.Changed(), d.cfg.Group.Changed()
		d.reconcile(ctx)
		d.signal()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-metaChanged:
		case <-groupChanged:
		case <-d.finished:
		}
	}
}

// reconcile lets a task run for each migration in which this side has something to do.
func (d *Driver) reconcile(ctx context.Context) {
	term, serving := d.cfg.Group.Serving()
	if !serving || term != d.term {
		d.stop()
	}
	if d.term = term; !serving {
		return
	}
	for _, m := range d.cfg.Meta.State().Migrations() {
		if s, takesPart := sideOf(m, d.cfg.Group.Shard()); takesPart && !reported(m, s) {
			d.start(ctx, m, s)
		}
	}
}

func (d *Driver) start(ctx context.Context, m meta.Migration, s side) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running[m.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &task{d: d, id: m.ID, side: s, progress: newProgress(m, s)}
	d.running[m.ID] = &runningTask{t, cancel}
	d.tasks.Go(func() {
		t.run(ctx)
		cancel()
		d.mu.Lock()
		delete(d.running, m.ID)
		d.mu.Unlock()
		wake(d.finished)
	})
}

// stop ends all tasks and returns when they have.
func (d *Driver) stop() {
	d.mu.Lock()
	for _, t := range d.running {
		t.cancel()
	}
	d.mu.Unlock()
	d.tasks.Wait()
}

// nextAttempt names an attempt as no other is named, of this node or another: the incarnation is one of this replica's own. All
// that is applied while it serves in a term it has proposed itself, an ExecutorStart of another would end that.
func (d *Driver) nextAttempt() (entry.Attempt, error) {
	term, serving := d.cfg.Group.Serving()
	incarnation := d.cfg.Group.State().Incarnation
	if now, still := d.cfg.Group.Serving(); !serving || !still || now != term {
		return entry.Attempt{}, d.notServing()
	}
	return entry.Attempt{Incarnation: incarnation, Counter: d.attempts.Add(1)}, nil
}

// Progress lists what this driver drives, by id.
func (d *Driver) Progress() []Progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Progress, 0, len(d.running))
	for _, t := range d.running {
		list = append(list, t.progress.snapshot())
	}
	slices.SortFunc(list, func(a, b Progress) int { return cmp.Compare(a.Migration, b.Migration) })
	return list
}

func (d *Driver) serves() bool {
	_, serving := d.cfg.Group.Serving()
	return serving
}

// signal wakes the tasks and whoever waits for what they do.
func (d *Driver) signal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Driver) change() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// acquire waits until this node may send one more migration.
func (d *Driver) acquire(ctx context.Context) error {
	if d.cfg.Permits == nil {
		return nil
	}
	select {
	case d.cfg.Permits <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *Driver) release() {
	if d.cfg.Permits != nil {
		<-d.cfg.Permits
	}
}
