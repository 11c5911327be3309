package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// operator is what CLUSTER commands change the cluster through.
type operator struct{ admin }

var _ respserver.Operator = operator{}

// MigrateSlots hands slots over to the shards that nodes lead.
func (o operator) MigrateSlots(ctx context.Context, moves []respserver.SlotMove) error {
	var wanted []*clusterv1.SlotMove
	for _, move := range moves {
		to, err := o.shardOf(move.Node)
		if err != nil {
			return err
		}
		wanted = append(wanted, &clusterv1.SlotMove{Slots: rangesProto(move.Ranges), ToShardId: uint64(to)})
	}
	ids, err := o.StartMigrations(ctx, wanted)
	if err == nil && len(ids) == 0 {
		return apierr.New(apierr.KindInvalid, "the node serves these slots already; nothing was changed")
	}
	return err
}

// shardOf is the shard that stands for a node: of those that it leads the one with the fewest slots, first those that it should
// lead.
func (o operator) shardOf(node string) (slot.ShardID, error) {
	h, err := o.host()
	if err != nil {
		return 0, err
	}
	state := h.State()
	leaders := h.Leaders(state.Shards())
	led := slices.DeleteFunc(slices.Clone(state.Shards()), func(s meta.Shard) bool { return leaders[s.ID].Node != node })
	if len(led) == 0 {
		return 0, apierr.New(apierr.KindInvalid, "node %s leads no shard; nothing was changed: holt cluster rebalance makes one for it", node)
	}
	strange := func(s meta.Shard) int {
		if s.PreferredLeader == node {
			return 0
		}
		return 1
	}
	best := slices.MinFunc(led, func(a, b meta.Shard) int {
		return cmp.Or(cmp.Compare(strange(a), strange(b)), cmp.Compare(countSlots(a.Ranges), countSlots(b.Ranges)), cmp.Compare(a.ID, b.ID))
	})
	return best.ID, nil
}

func countSlots(ranges []slot.Range) (n int) {
	for _, r := range ranges {
		n += r.Len()
	}
	return n
}

// Migrations lists the migrations as Valkey does.
func (o operator) Migrations(ctx context.Context) ([]respserver.MigrationFacts, error) {
	list, err := o.admin.Migrations(ctx)
	if err != nil {
		return nil, err
	}
	var facts []respserver.MigrationFacts
	for _, m := range list.Migrations {
		f := respserver.MigrationFacts{
			ID: m.Id, Ranges: rangesOf(m.Slots), Source: m.FromNodeId, Target: m.ToNodeId, State: valkeyState(m), Message: m.Reason,
			Started: time.UnixMilli(m.StartedMs), Updated: time.Now(),
		}
		if m.Ended {
			f.Updated = time.UnixMilli(m.EndedMs)
		}
		if p := m.Progress; p != nil {
			f.RemainingBytes = p.BytesWaiting
			f.Message = cmp.Or(f.Message, p.Error)
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// cancelled is the reason of migrations that somebody has cancelled.
const cancelled = "cancelled by an operator"

// valkeyState is the state of a migration in the words of Valkey 9.
func valkeyState(m *clusterv1.Migration) string {
	switch {
	case m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_COMMITTED:
		return "success"
	case m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED && m.Reason == cancelled:
		return "cancelled"
	case m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED:
		return "failed"
	}
	switch m.GetProgress().GetStage() {
	case clusterv1.MigrationStage_MIGRATION_STAGE_COPYING:
		return "snapshotting"
	case clusterv1.MigrationStage_MIGRATION_STAGE_CATCHING_UP:
		return "replicating"
	case clusterv1.MigrationStage_MIGRATION_STAGE_FROZEN:
		return "failover-paused"
	}
	return "connecting"
}

// CancelMigrations aborts the migrations that are not decided yet.
func (o operator) CancelMigrations(ctx context.Context) error {
	_, err := o.CancelMigration(ctx, 0)
	return err
}

// ForgetNode takes a node out that holds nothing any more; the meta group refuses any other.
func (o operator) ForgetNode(ctx context.Context, id string) error {
	h, state, err := o.latest(ctx)
	if err != nil {
		return err
	}
	known, ok := state.Node(id)
	switch {
	case !ok:
		return apierr.New(apierr.KindNotFound, "Unknown node %.100s", id)
	case known.Phase == meta.NodeRemoved:
		return nil
	}
	holds := slices.Contains(state.MetaVoters(), id)
	for _, s := range state.Shards() {
		holds = holds || slices.Contains(s.Replicas, id)
	}
	if holds {
		return apierr.New(apierr.KindInvalid, "node %s holds replicas, or votes in the meta group; nothing was changed: use holt cluster remove-node %s", id, id)
	}
	return o.propose(ctx, h, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: id}}})
}

// Lead makes this node the leader of every shard that it follows, for good: it becomes the preferred one.
func (o operator) Lead(ctx context.Context) error {
	h, err := o.host()
	if err != nil {
		return err
	}
	self := o.n.folder.NodeID()
	followed := 0
	for _, s := range h.State().Shards() {
		if leader, _, _ := h.Leader(s.ID); leader == self || !slices.Contains(s.Replicas, self) {
			continue
		}
		followed++
		if _, _, err := o.TransferLeadership(ctx, s.ID, self); err != nil {
			return err
		}
	}
	if followed == 0 {
		return apierr.New(apierr.KindInvalid, "You should send CLUSTER FAILOVER to a replica")
	}
	return nil
}
