package system

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// migrateLook is how often the progress of a migration is asked for: what the figures of Migrate are exact to.
const migrateLook = 50 * time.Millisecond

// Migrate hands slots of Holt over to a shard, as `holt cluster migrate` does. It returns after how long the shard owned them,
// and after how long both shards were done with it.
func (r *Running) Migrate(ctx context.Context, slots slot.Range, to uint64) (owned, ended time.Duration, err error) {
	a, err := client.DialAdmin(r.AdminAddr)
	if err != nil {
		return 0, 0, err
	}
	defer a.Close()
	begun := time.Now()
	ids, err := a.StartMigrations(ctx, &clusterv1.SlotMove{Slots: []*clusterv1.SlotRange{{First: uint32(slots.First), Last: uint32(slots.Last)}}, ToShardId: to})
	if err != nil {
		return 0, 0, fmt.Errorf("migrate slots %v: %w", slots, err)
	}
	ticker := time.NewTicker(migrateLook)
	defer ticker.Stop()
	for {
		list, err := a.Migrations(ctx)
		if err != nil {
			return 0, 0, err
		}
		decided, done, err := standing(list, ids)
		if err != nil {
			return 0, 0, err
		}
		if decided && owned == 0 {
			owned = time.Since(begun)
		}
		if done {
			return owned, time.Since(begun), nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		}
	}
}

// standing tells whether all of these migrations are decided, and have ended. A node may not have heard of one that has just begun.
func standing(list *clusterv1.ListMigrationsResponse, ids []uint64) (decided, ended bool, err error) {
	decided, ended = true, true
	for _, id := range ids {
		i := slices.IndexFunc(list.Migrations, func(m *clusterv1.Migration) bool { return m.Id == id })
		if i < 0 {
			return false, false, nil
		}
		m := list.Migrations[i]
		if m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED {
			return false, false, fmt.Errorf("migration %d was aborted: %s", m.Id, m.Reason)
		}
		decided = decided && m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_COMMITTED
		ended = ended && m.Ended
	}
	return decided, ended, nil
}

// Configure changes settings of Holt's cluster, given as name, value, name, value.
func (r *Running) Configure(ctx context.Context, settings ...string) error {
	a, err := client.DialAdmin(r.AdminAddr)
	if err != nil {
		return err
	}
	defer a.Close()
	var changes []*clusterv1.NamedSetting
	for i := 0; i+1 < len(settings); i += 2 {
		changes = append(changes, &clusterv1.NamedSetting{Name: settings[i], Value: settings[i+1]})
	}
	return a.ChangeSettings(ctx, changes...)
}
