package migration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/executor"
)

// attempt is one stream of everything that the slots of a migration hold, from a source that serves.
type attempt struct {
	t         *task
	migration meta.Migration
	queue     *queue
	sender    *sender
}

var (
	errDecided = errors.New("the migration was decided")
	// errUnconfirmed puts off a freeze. What is copied stays good meanwhile.
	errUnconfirmed = errors.New("the meta group does not say whether the migration still runs")
	errRestarted   = errors.New("the executor of the source has started again")
)

// send makes one attempt and returns nil once the migration is decided: the state machine says what is to be done then.
func (t *task) send(ctx context.Context, m meta.Migration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	running.Go(func() { cancel(t.awaitDecision(ctx, m.ID)) })
	err := causeOf(ctx, t.attempt(ctx, cancel, &running, m))
	if errors.Is(err, errDecided) {
		return nil
	}
	return err
}

func (t *task) attempt(ctx context.Context, cancel context.CancelCauseFunc, running *sync.WaitGroup, m meta.Migration) error {
	_, frozen := t.d.cfg.Group.State().Handover(m.ID)
	if !frozen { // frozen slots wait for nobody
		t.progress.stage(StageWaiting)
		if err := t.d.acquire(ctx); err != nil {
			return err
		}
		defer t.d.release()
	}
	id, err := t.d.nextAttempt()
	if err != nil {
		return err
	}
	a := &attempt{t: t, migration: m, queue: newQueue(id, t.d.cfg.Limits)}
	a.sender = newSender(t.d.cfg.Wire, Open{Migration: m.ID, From: m.From, To: m.To}, a.queue, func() { t.step(StepFinalSent) })
	running.Go(func() {
		if err := a.sender.run(ctx); err != nil && !errors.Is(err, errOverflow) && !errors.Is(err, errStuck) { // of those the queue tells
			cancel(err)
		}
	})
	keys := a.count()
	t.progress.begin(a.queue, keys)
	if frozen {
		return a.carryFrozen(ctx, keys)
	}
	return a.carry(ctx)
}

// carry takes slots that are served from the beginning to the decision.
func (a *attempt) carry(ctx context.Context) error {
	if err := a.awaitTarget(ctx); err != nil {
		return err
	}
	remove := a.t.d.cfg.Group.AddTap(a.migration.Ranges, a.queue)
	defer remove()
	a.t.progress.stage(StageCopying)
	if err := a.copy(ctx); err != nil {
		return a.orTooFast(ctx, err)
	}
	a.t.progress.stage(StageCatchingUp)
	if err := a.freezeOnceShort(ctx); err != nil {
		return a.orTooFast(ctx, err)
	}
	return a.orTooLong(ctx, a.finish)
}

// carryFrozen takes slots to the decision that were found frozen: another leader of the source has begun.
func (a *attempt) carryFrozen(ctx context.Context, keys uint64) error {
	a.froze(time.Now())
	return a.orTooLong(ctx, func(ctx context.Context) error {
		if err := a.awaitTarget(ctx); err != nil {
			return err
		}
		if a.sender.hasArrived() { // the leader before has brought everything there
			return a.awaitEnd(ctx)
		}
		if keys > uint64(a.queue.limits.FrozenKeysMax) {
			return a.abort(ctx, fmt.Sprintf("the leader of shard %d changed while %d keys were frozen", a.migration.From, keys))
		}
		if err := a.copy(ctx); err != nil {
			return err
		}
		return a.finish(ctx)
	})
}

// finish sends the final chunk of frozen slots and waits for the decision.
func (a *attempt) finish(ctx context.Context) error {
	state := a.t.d.cfg.Group.State()
	h, frozen := state.Handover(a.migration.ID)
	if !frozen {
		return errors.New("the slots are not frozen")
	}
	if err := a.queue.finish(h.FreezeVersion, state.Time); err != nil {
		return err
	}
	return a.awaitEnd(ctx)
}

// awaitEnd returns when the attempt has been ended: by the decision where all goes well.
func (a *attempt) awaitEnd(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// awaitTarget returns when the target is ready to take chunks.
func (a *attempt) awaitTarget(ctx context.Context) error {
	select {
	case <-a.sender.begun:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// count is how many keys the slots hold.
func (a *attempt) count() (keys uint64) {
	for _, r := range a.migration.Ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			sl := a.t.d.cfg.Group.Store().Slot(slot.ID(s))
			sl.RLock()
			keys += uint64(sl.LenLocked())
			sl.RUnlock()
		}
	}
	return keys
}

func (a *attempt) eachSlot(do func(slot.ID) error) error {
	for _, r := range a.migration.Ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if err := do(slot.ID(s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy queues what the slots hold.
func (a *attempt) copy(ctx context.Context) error {
	a.t.step(StepCopyBegun)
	c := copier{store: a.t.d.cfg.Group.Store(), queue: a.queue, throttle: &a.t.d.throttle}
	err := a.eachSlot(func(id slot.ID) error {
		err := c.slot(ctx, id)
		if err == nil {
			a.t.progress.update(func(p *progress) { p.SlotsCopied++ })
		}
		return err
	})
	if err == nil {
		a.t.step(StepCopied)
	}
	return err
}

// freezeOnceShort freezes the slots when little is left to send. It tries again while too much comes between the look and
// the freeze, and while the meta group cannot be asked.
func (a *attempt) freezeOnceShort(ctx context.Context) error {
	var pause backoff
	for {
		err := a.awaitShortQueue(ctx)
		if err == nil {
			err = a.freeze(ctx)
		}
		unconfirmed := errors.Is(err, errUnconfirmed)
		if !unconfirmed && !errors.Is(err, errNotShort) {
			return err
		}
		if a.t.failed(ctx, err); unconfirmed {
			pause.wait(ctx)
		}
	}
}

// awaitShortQueue returns when what is left takes no time to send: slots are frozen for as long as that takes.
func (a *attempt) awaitShortQueue(ctx context.Context) error {
	for {
		waiting, err := a.queue.waiting()
		if err != nil {
			return err
		}
		if a.sender.reaches() && waiting <= a.queue.limits.FreezeBytes {
			return ctx.Err()
		}
		select {
		case <-a.queue.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// freeze stops reads and writes of the slots, if the meta group says, asked now, that nothing has been decided yet
// (PROTOCOL rule 24).
func (a *attempt) freeze(ctx context.Context) error {
	if err := a.confirm(ctx); err != nil {
		return err
	}
	a.t.step(StepBeforeFreeze)
	began, group := time.Now(), a.t.d.cfg.Group
	err := group.Control(ctx, executor.Control{
		Freeze: a.migration.Ranges, FreezeTo: a.migration.To,
		// A snapshot from another leader would have passed the tap by. It cannot come without another incarnation.
		Check: func() error {
			if group.State().Incarnation != a.queue.attempt.Incarnation {
				return errRestarted
			}
			return a.stillShort()
		},
		Make: func(h entry.Header) []byte {
			return entry.EncodeFreeze(h, entry.Freeze{Migration: a.migration.ID, To: a.migration.To, Ranges: a.migration.Ranges})
		},
	})
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	if _, frozen := group.State().Handover(a.migration.ID); !frozen {
		return errors.New("freeze: the slots are not this shard's to hand over")
	}
	a.froze(began)
	a.t.d.cfg.Logger.Info("slots are frozen until it is decided who owns them", "shard", a.migration.From, "migration", a.migration.ID, "to", a.migration.To, "slots", a.migration.Slots())
	a.t.step(StepFrozen)
	return nil
}

// stillShort returns nil where what waits is sent at once, as awaitShortQueue has found it before. What has come since may be
// as much as is sent without the target's word: a source that is written to without a pause would never freeze otherwise.
func (a *attempt) stillShort() error {
	waiting, err := a.queue.waiting()
	if err == nil && (waiting > max(a.queue.limits.FreezeBytes, a.queue.limits.WindowBytes) || !a.sender.reaches()) {
		return errNotShort
	}
	return err
}

// froze notes since when the slots are frozen. From here on the target is looked for until there is a decision.
func (a *attempt) froze(since time.Time) {
	a.sender.patient.Store(true)
	if a.t.frozenAt.IsZero() {
		a.t.frozenAt = since
	}
	a.t.progress.update(func(p *progress) { p.frozenAt = a.t.frozenAt })
	a.t.progress.stage(StageFrozen)
	a.t.progress.failed(nil)
}

func (a *attempt) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metaMax)
	defer cancel()
	latest, err := a.t.d.cfg.Meta.Latest(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	if m, ok := latest.Migration(a.migration.ID); !ok || m.Phase != meta.MigrationRunning {
		return fmt.Errorf("confirm: the meta group says that the migration is %s", m.Phase)
	}
	return nil
}
