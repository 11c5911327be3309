package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Slots are those of a shard, as far as the nodes know.
func (c *Cluster) Slots(shard uint64) []slot.Range {
	c.t.Helper()
	var ranges []slot.Range
	for _, r := range c.ranges(shard) {
		ranges = append(ranges, slot.Range{First: slot.ID(r.First), Last: slot.ID(r.Last)})
	}
	return ranges
}

// MetaLeader is the node that leads the meta group. It waits for one that others agree on.
func (c *Cluster) MetaLeader() (leader *Node) {
	c.t.Helper()
	Eventually(c.t, "the meta group has a leader", func() error {
		for _, n := range c.Running() {
			status, err := n.Status()
			if err != nil {
				return err
			}
			if leader = c.ByID(status.MetaLeaderNodeId); leader == nil || !leader.Running() {
				return fmt.Errorf("node %d takes %q for it", n.Number, status.MetaLeaderNodeId)
			}
		}
		return nil
	})
	return leader
}

// StartMigration begins to move slots between shards and returns the migration's id.
func (c *Cluster) StartMigration(from, to uint64, ranges []slot.Range) (id uint64) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("a migration from shard %d to %d begins", from, to), func() error {
		state, err := c.metaState()
		if err != nil {
			return err
		}
		command := meta.Encode(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
			ExpectedEpoch: state.Epoch(), StartedMs: time.Now().UnixMilli(),
			Migrations: []*storagev1.NewMigration{{From: from, To: to, Ranges: meta.RangesProto(ranges)}},
		}}})
		return c.MetaLeader().nodeService(func(ctx context.Context, node nodev1.NodeServiceClient) error {
			result, err := node.ProposeMeta(ctx, &nodev1.ProposeMetaRequest{Command: command})
			switch {
			case err != nil:
				return err
			case result.Refusal != nil:
				return errors.New(result.Refusal.Message)
			}
			id = result.MigrationIds[0]
			return nil
		})
	})
	return id
}

// MigrationOver tells whether a migration has ended, as far as any node knows.
func (c *Cluster) MigrationOver(id uint64) (bool, error) {
	state, err := c.metaState()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(state.EndedMigrations(), func(m meta.Migration) bool { return m.ID == id }), nil
}

// MigrationEnded waits until a migration has ended, and returns it.
func (c *Cluster) MigrationEnded(id uint64) (ended meta.Migration) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("migration %d ends", id), func() error {
		state, err := c.metaState()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(state.EndedMigrations(), func(m meta.Migration) bool { return m.ID == id })
		if i < 0 {
			m, _ := state.Migration(id)
			return fmt.Errorf("it is %v; source ended: %v, target ended: %v", m.Phase, m.SourceEnded, m.TargetEnded)
		}
		ended = state.EndedMigrations()[i]
		return nil
	})
	return ended
}

// metaState is the newest state of the meta group among what the nodes that run know.
func (c *Cluster) metaState() (newest *meta.State, err error) {
	for _, n := range c.Running() {
		err = errors.Join(err, n.nodeService(func(ctx context.Context, node nodev1.NodeServiceClient) error {
			reply, err := node.ReadMeta(ctx, &nodev1.ReadMetaRequest{ReadMode: cachev1.ReadMode_READ_MODE_STALE})
			if err != nil {
				return err
			}
			m := meta.New()
			if err := m.Restore(reply.State); err != nil {
				return err
			}
			if state := m.State(); newest == nil || state.Applied() > newest.Applied() {
				newest = state
			}
			return nil
		}))
	}
	if newest != nil {
		return newest, nil
	}
	return nil, fmt.Errorf("no node tells the state of the meta group: %w", err)
}

// nodeService asks a node what nodes ask each other.
func (n *Node) nodeService(ask func(context.Context, nodev1.NodeServiceClient) error) error {
	conn, err := grpc.NewClient("passthrough:///"+n.Addr.Cluster, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return ask(ctx, nodev1.NewNodeServiceClient(conn))
}
