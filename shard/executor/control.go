package executor

import (
	"context"
	"sync/atomic"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// controlsMax is how many control records may wait for their turn: the windows of some hand-overs at a time.
const controlsMax = 256

// Control is a record of the group's log that no client asks for: one step of a hand-over of slots.
type Control struct {
	// Check is called on Run's goroutine directly before Make; an error refuses the record. nil: no check.
	Check func() error
	// Freeze are the slots that the record freezes, and FreezeTo is the shard that is to have them: set for a KindFreeze and
	// for nothing else.
	Freeze   []slot.Range
	FreezeTo slot.ShardID
	// Make encodes the record. It is called on Run's goroutine, once at most.
	Make func(h entry.Header) []byte
}

// pendingControl is a control record on its way.
type pendingControl struct {
	Control
	change *slotChange // what the record changes of what is served; Run's goroutine sets it
	state  atomic.Uint32
	err    error // valid once done is closed
	done   chan struct{}
}

const (
	controlQueued    uint32 = iota // may be withdrawn
	controlTaken                   // waits for a verdict
	controlWithdrawn               // given up before it was taken
)

func (c *pendingControl) settle(err error) {
	c.err = err
	close(c.done)
}

// Control proposes a control record, in sequence with all batches, and returns nil once it has passed the fence: what it
// has changed the state machine's state tells, which may be nothing. What Check refuses is returned as it is. Any other
// error is an apierr.Error that says whether the record may yet be applied. Only a replica that serves proposes.
//
// From the evaluation of a freeze on this replica neither reads nor writes the slots: not only from its application on.
func (e *Executor) Control(ctx context.Context, c Control) error {
	p := &pendingControl{Control: c, done: make(chan struct{})}
	if err := e.queueControl(p); err != nil {
		return err
	}
	e.Kick()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	if p.state.CompareAndSwap(controlQueued, controlWithdrawn) {
		return apierr.New(apierr.KindDeadline, "shard %d: a control record waited too long for its turn; not applied, retry", e.cfg.Shard)
	}
	select {
	case <-p.done:
		return p.err
	default:
		return apierr.New(apierr.KindUnknownOutcome, "shard %d: a control record was not committed in time; outcome unknown, look before you retry", e.cfg.Shard)
	}
}

func (e *Executor) queueControl(p *pendingControl) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed || e.tenure.Load() == nil:
		return e.notServing()
	case len(e.controls) >= controlsMax:
		return apierr.New(apierr.KindBusy, "shard %d: %d control records wait already (limit controlsMax); not applied, retry later", e.cfg.Shard, controlsMax)
	}
	e.controls = append(e.controls, p)
	return nil
}

func (e *Executor) notServing() error {
	return apierr.New(apierr.KindNotLeader, "shard %d: this replica does not serve; not applied, retry at the leader", e.cfg.Shard)
}

// takeControl takes the next control record that its caller still wants, or nil.
func (e *Executor) takeControl() *pendingControl {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.controls) > 0 {
		c := e.controls[0]
		e.controls = e.controls[1:]
		if c.state.CompareAndSwap(controlQueued, controlTaken) {
			return c
		}
	}
	e.controls = nil
	return nil
}

// refuseControls answers control records that were never evaluated: whoever asked has to look again at who leads.
func (e *Executor) refuseControls() {
	for c := e.takeControl(); c != nil; c = e.takeControl() {
		c.settle(e.notServing())
	}
}

// evaluateControl makes a control record the next one of the sequence, behind all that was evaluated before it.
func (e *Executor) evaluateControl(c *pendingControl) {
	if c.Check != nil {
		if err := c.Check(); err != nil {
			c.settle(err)
			return
		}
	}
	if e.open != nil {
		e.seal()
	}
	record := c.Make(entry.Header{Incarnation: e.inc, Sequence: e.seq + 1, Time: e.clock.Now()})
	change, err := e.changeOf(c, record)
	if err != nil {
		c.settle(err)
		return
	}
	b := e.openBatch()
	e.open = nil
	if change != nil {
		e.begin(change)
		if change.to == 0 {
			e.activating++
		}
	}
	c.change = change
	b.control = c
	e.sealed = append(e.sealed, sealedBatch{batch: b, record: record})
}

// finishControl answers for a control record that has a verdict.
func (e *Executor) finishControl(c *pendingControl, v verdict) {
	switch v {
	case verdictApplied:
		c.settle(nil)
	case verdictNotApplied:
		c.settle(apierr.New(apierr.KindNotLeader, "shard %d: leadership changed before the control record was committed; not applied, look again", e.cfg.Shard))
	case verdictUnknown:
		c.settle(apierr.New(apierr.KindUnknownOutcome, "shard %d: leadership lost while committing a control record; outcome unknown, look before you retry", e.cfg.Shard))
	}
}
