package meta

import (
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// startMigrations begins migrations, all or none.
func (v *values) startMigrations(c *storagev1.StartMigrations, r *Result) error {
	switch {
	case c.ExpectedEpoch != v.epoch:
		return apierr.New(apierr.KindInvalid, "start migrations: planned at epoch %d, the cluster is at %d; not applied, plan again", c.ExpectedEpoch, v.epoch)
	case len(c.Migrations) == 0:
		return apierr.New(apierr.KindInvalid, "start migrations: none given; not applied")
	case len(v.migrations)+len(c.Migrations) > MigrationsMax:
		return apierr.New(apierr.KindTooLarge, "start migrations: %d that have not ended and %d more are over the limit of %d (limit MigrationsMax); not applied, start fewer at a time", len(v.migrations), len(c.Migrations), MigrationsMax)
	}
	slots := v.slotUses()
	migrations := slices.Clone(v.migrations)
	for i, plan := range c.Migrations {
		m, err := v.newMigration(v.lastMigration+uint64(i)+1, plan)
		if err == nil {
			err = slots.give(m)
		}
		if err != nil {
			return err
		}
		m.StartedMs = c.StartedMs
		migrations = append(migrations, m)
		r.Migrations = append(r.Migrations, m.ID)
	}
	v.migrations = migrations
	v.lastMigration += uint64(len(c.Migrations))
	r.Changed = true
	return nil
}

// newMigration is a planned migration, whatever its slots are used for.
func (v *values) newMigration(id uint64, plan *storagev1.NewMigration) (Migration, error) {
	from, to := slot.ShardID(plan.From), slot.ShardID(plan.To)
	ranges, err := rangesFromProto(plan.Ranges)
	if err != nil {
		return Migration{}, apierr.New(apierr.KindInvalid, "start migration from shard %d to %d: %w; not applied", from, to, err)
	}
	ranges = slot.Normalize(ranges)
	switch {
	case from == to:
		return Migration{}, apierr.New(apierr.KindInvalid, "start migration from shard %d to %d: they are the same; not applied", from, to)
	case len(ranges) == 0:
		return Migration{}, apierr.New(apierr.KindInvalid, "start migration from shard %d to %d: no slots given; not applied", from, to)
	case len(ranges) > migrationRangesMax:
		return Migration{}, apierr.New(apierr.KindTooLarge, "start migration from shard %d to %d: %d ranges are over the limit of %d (limit migrationRangesMax); not applied, make several of it", from, to, len(ranges), migrationRangesMax)
	}
	for _, id := range []slot.ShardID{from, to} {
		if err := v.checkFormed(id); err != nil {
			return Migration{}, err
		}
	}
	return Migration{ID: id, From: from, To: to, Ranges: ranges, Phase: migrationMoves[0][migrationStarts]}, nil
}

// checkFormed refuses a shard whose group does not live yet, or that does not exist.
func (v *values) checkFormed(id slot.ShardID) error {
	i, known := v.findShard(id)
	switch {
	case !known:
		return apierr.New(apierr.KindNotFound, "shard %d does not exist; not applied, see holt cluster shards", id)
	case v.shards[i].Phase != ShardFormed:
		return apierr.New(apierr.KindInvalid, "shard %d is %s: slots move only between shards that have formed; not applied, wait", id, v.shards[i].Phase)
	}
	return nil
}

// slotUses says of each slot which shard owns it and which migration holds it, 0 for none.
type slotUses [slot.Count]struct {
	owner     slot.ShardID
	migration uint64
}

// slotUses are those of the shards and of the migrations whose records stand, which are all valid.
func (v *values) slotUses() *slotUses {
	uses := &slotUses{}
	for _, s := range v.shards {
		for id := range slotsOf(s.Ranges) {
			uses[id].owner = s.ID
		}
	}
	for _, m := range v.migrations {
		for id := range slotsOf(m.Ranges) {
			uses[id].migration = m.ID
		}
	}
	return uses
}

// give lets a new migration hold its slots, or tells why it cannot.
func (u *slotUses) give(m Migration) error {
	for id := range slotsOf(m.Ranges) {
		switch use := &u[id]; {
		case use.owner != m.From:
			return apierr.New(apierr.KindInvalid, "start migration from shard %d to %d: slot %d belongs to shard %d; not applied, plan again", m.From, m.To, id, use.owner)
		case use.migration != 0:
			return apierr.New(apierr.KindInvalid, "start migration from shard %d to %d: slot %d is in migration %d, which has not ended; not applied, wait or cancel that", m.From, m.To, id, use.migration)
		default:
			use.migration = m.ID
		}
	}
	return nil
}
