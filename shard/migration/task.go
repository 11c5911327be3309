package migration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/executor"
)

// metaMax bounds a question or proposal to the meta group. It is asked again.
const metaMax = 5 * time.Second

// task brings one side of one migration to its end, one action after another. All of it belongs to its goroutine but for
// progress.
type task struct {
	d        *Driver
	id       uint64
	side     side
	progress *progress
	// known is what the meta group has answered to a proposal: the watched state may hear of it later.
	known meta.MigrationPhase
	// overflows counts attempts that ended because the slots changed too fast.
	overflows int
	// frozenAt is when the slots were frozen, or found so.
	frozenAt time.Time
}

// run acts until this side has ended, or ctx has.
func (t *task) run(ctx context.Context) {
	var pause backoff
	for ctx.Err() == nil {
		metaChanged, changed := t.d.cfg.Meta.Changed(), t.d.change()
		m, open := t.record()
		if !open {
			return
		}
		act := viewOf(m, t.side, t.d.cfg.Group.State()).next()
		if act == actDone {
			return
		}
		if m.Decided() {
			t.decided(m)
		}
		if act == actWait {
			select {
			case <-ctx.Done():
			case <-metaChanged:
			case <-changed:
			}
			continue
		}
		err := t.do(ctx, act, m)
		t.d.signal()
		if t.failed(ctx, err) {
			pause.wait(ctx)
		} else {
			pause = backoff{}
		}
	}
}

// decided notes that there is a decision, and logs it once.
func (t *task) decided(m meta.Migration) {
	before := t.progress.snapshot()
	if before.Stage == StageEnding {
		return
	}
	t.progress.stage(StageEnding)
	t.d.cfg.Logger.Info("a migration was decided", "shard", t.d.cfg.Group.Shard(), "migration", m.ID, "from", m.From, "to", m.To, "slots", m.Slots(),
		"phase", m.Phase, "reason", m.Reason, "keys", before.KeysCopied, "effects", before.Effects, "frozen", before.Frozen.Round(time.Microsecond))
}

// failed notes an error, and logs one that is news.
func (t *task) failed(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if err != nil && err.Error() != t.progress.snapshot().Err {
		t.d.cfg.Logger.Info("a migration does not go on; it is tried again", "shard", t.d.cfg.Group.Shard(), "migration", t.id, "err", err)
	}
	t.progress.failed(err)
	return err != nil
}

// record is the migration as the meta group has it, false where its record does not stand.
func (t *task) record() (meta.Migration, bool) {
	m, open := t.d.cfg.Meta.State().Migration(t.id)
	if open && !m.Decided() && t.known != 0 {
		m.Phase = t.known
	}
	return m, open
}

// awaitDecision returns errDecided once the watched state knows a decision.
func (t *task) awaitDecision(ctx context.Context, id uint64) error {
	for {
		changed := t.d.cfg.Meta.Changed()
		if m, open := t.d.cfg.Meta.State().Migration(id); !open || m.Decided() {
			return errDecided
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (t *task) step(s Step) {
	if t.d.cfg.Hook != nil {
		t.d.cfg.Hook(s, t.id, t.d.cfg.Group.Shard())
	}
}

func (t *task) do(ctx context.Context, act action, m meta.Migration) error {
	switch act {
	case actSend:
		return t.send(ctx, m)
	case actImport:
		return t.control(ctx, func(h entry.Header) []byte {
			return entry.EncodeImport(h, entry.Import{Migration: m.ID, From: m.From, Ranges: m.Ranges})
		}, act, m)
	case actCommit:
		return t.commit(ctx, m)
	case actActivate:
		t.step(StepBeforeActivate)
		return t.controlStep(ctx, func(h entry.Header) []byte { return entry.EncodeActivate(h, entry.Activate{Migration: m.ID}) }, act, m, StepActivated)
	case actDrop:
		t.step(StepBeforeDrop)
		return t.controlStep(ctx, func(h entry.Header) []byte { return entry.EncodeDrop(h, entry.Drop{Migration: m.ID}) }, act, m, StepDropped)
	case actUnfreeze:
		return t.control(ctx, func(h entry.Header) []byte { return entry.EncodeUnfreeze(h, entry.Unfreeze{Migration: m.ID}) }, act, m)
	case actDiscard:
		return t.control(ctx, func(h entry.Header) []byte { return entry.EncodeDiscard(h, entry.Discard{Migration: m.ID}) }, act, m)
	case actNoteEnd:
		return t.control(ctx, func(h entry.Header) []byte {
			return entry.EncodeMigrationEnd(h, entry.MigrationEnd{Migration: m.ID, Ranges: m.Ranges})
		}, act, m)
	case actReportEnd:
		return t.reportEnd(ctx, m)
	}
	return nil
}

// controlMax bounds the wait for a record's verdict: a leader that does not commit for so long looks again.
const controlMax = 10 * time.Second

// control commits a record, which has to change what is to be done next.
func (t *task) control(ctx context.Context, encode func(entry.Header) []byte, act action, m meta.Migration) error {
	ctx, cancel := context.WithTimeout(ctx, controlMax)
	defer cancel()
	if err := t.d.cfg.Group.Control(ctx, executor.Control{Make: encode}); err != nil {
		return err
	}
	if viewOf(m, t.side, t.d.cfg.Group.State()).next() == act {
		return fmt.Errorf("a record of the migration changed nothing: slots of shard %d are not in the state that it needs", t.d.cfg.Group.Shard())
	}
	return nil
}

func (t *task) controlStep(ctx context.Context, encode func(entry.Header) []byte, act action, m meta.Migration, done Step) error {
	err := t.control(ctx, encode, act, m)
	if err == nil {
		t.step(done)
	}
	return err
}

// commit asks for the decision: the final chunk is applied here, so it is committed in this group (PROTOCOL rule 16).
func (t *task) commit(ctx context.Context, m meta.Migration) error {
	h, _ := t.d.cfg.Group.State().Handover(m.ID)
	t.step(StepBeforeCommit)
	err := t.decide(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CommitMigration{CommitMigration: &storagev1.CommitMigration{
		Id: m.ID, AttemptIncarnation: h.Attempt.Incarnation, AttemptCounter: h.Attempt.Counter, FinalIndex: h.FinalIndex,
	}}}, meta.MigrationCommitted)
	if err == nil {
		t.step(StepCommitted)
	}
	return err
}

// decide proposes a decision and keeps the one that was made first, this or another.
func (t *task) decide(ctx context.Context, command *storagev1.MetaCommand, proposed meta.MigrationPhase) error {
	result, err := t.propose(ctx, command)
	if err != nil {
		return err
	}
	if result.Err == nil {
		t.known = proposed
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, metaMax)
	defer cancel()
	latest, err := t.d.cfg.Meta.Latest(ctx)
	if err != nil {
		return err
	}
	if m, open := latest.Migration(t.id); open && m.Decided() {
		t.known = m.Phase
		return nil
	}
	return result.Err
}

// reportEnd tells the meta group that the end of this side is applied, and returns when the watched state knows it.
func (t *task) reportEnd(ctx context.Context, m meta.Migration) error {
	t.step(StepBeforeEnd)
	s := storagev1.MigrationSide_MIGRATION_SIDE_SOURCE
	if t.side == raftfsm.SideTarget {
		s = storagev1.MigrationSide_MIGRATION_SIDE_TARGET
	}
	result, err := t.propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_EndMigration{
		EndMigration: &storagev1.EndMigration{Id: m.ID, Side: s, EndedMs: time.Now().UnixMilli()},
	}})
	if err != nil {
		return err
	}
	if result.Err != nil && !errors.Is(result.Err, apierr.New(apierr.KindNotFound, "")) { // the record is collected
		return result.Err
	}
	for {
		changed := t.d.cfg.Meta.Changed()
		if m, open := t.d.cfg.Meta.State().Migration(t.id); !open || reported(m, t.side) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// propose has the meta group commit a command, on the word of a replica that serves.
func (t *task) propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error) {
	if !t.d.serves() {
		return meta.Result{}, fmt.Errorf("shard %d: this replica does not serve", t.d.cfg.Group.Shard())
	}
	ctx, cancel := context.WithTimeout(ctx, metaMax)
	defer cancel()
	return t.d.cfg.Meta.Propose(ctx, command)
}
