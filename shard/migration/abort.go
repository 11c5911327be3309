package migration

import (
	"context"
	"errors"
	"fmt"

	"github.com/holtcache/holt/raftfsm/meta"
)

// errTooLong ends an attempt whose slots have been frozen for too long.
var errTooLong = errors.New("the slots are frozen for too long")

// orTooLong asks the meta group to abort a migration whose slots have been frozen for too long. They stay frozen until it
// has decided: no time that passes ends a migration (PROTOCOL rule 17).
func (a *attempt) orTooLong(ctx context.Context, carry func(context.Context) error) error {
	limited, cancel := context.WithDeadlineCause(ctx, a.t.frozenAt.Add(a.queue.limits.FrozenMax), errTooLong)
	defer cancel()
	err := carry(limited)
	if ctx.Err() != nil || !errors.Is(context.Cause(limited), errTooLong) {
		return err
	}
	reason := fmt.Sprintf("the slots were frozen for %v without a decision", a.queue.limits.FrozenMax)
	if lost := a.sender.reason(); lost != nil {
		reason += fmt.Sprintf("; shard %d: %v", a.migration.To, lost)
	}
	return a.abort(ctx, reason)
}

// orTooFast asks for an abort where attempt after attempt has ended because the slots change too fast, and where the target
// takes a chunk on no stream: another attempt would come to the same.
func (a *attempt) orTooFast(ctx context.Context, err error) error {
	if errors.Is(err, errStuck) {
		return a.abort(ctx, err.Error())
	}
	if !errors.Is(err, errOverflow) {
		return err
	}
	if a.t.overflows++; a.t.overflows < a.queue.limits.OverflowsMax {
		return err
	}
	return a.abort(ctx, fmt.Sprintf("%v: %d attempts ended with %d bytes waiting", err, a.t.overflows, a.queue.limits.QueueBytesMax))
}

// abort asks the meta group to abort the migration, and returns nil once something is decided.
func (a *attempt) abort(ctx context.Context, reason string) error {
	a.t.d.cfg.Logger.Warn("an abort of a migration is asked for; start it again later", "shard", a.migration.From, "migration", a.migration.ID, "reason", reason)
	return a.t.decide(ctx, meta.AbortMigration(a.migration.ID, reason), meta.MigrationAborted)
}
