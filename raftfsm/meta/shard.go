package meta

import (
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Shard is one shard and its Raft group, which share an id.
type Shard struct {
	ID    slot.ShardID
	Phase ShardPhase
	// Ranges are the slots that belong to it, in ascending order, neighbours joined.
	Ranges []slot.Range
	// InitialReplicas are the nodes with which the Raft group was created, in ascending order. Invariant: never changes,
	// because two replicas that start one group with different members could elect two leaders in one term.
	InitialReplicas []string
	// Replicas are the nodes that hold a replica, or are to hold one, in ascending order. A node that is not among them has to
	// delete its replica.
	Replicas []string
	// PreferredLeader is the replica that should lead. Invariant: one of Replicas.
	PreferredLeader string
	// FormedIncarnation is the executor's incarnation that was reported when the group had formed; 0 until then.
	FormedIncarnation uint64
}

// ShardPhase is where a shard stands in its life. The zero value is a shard that does not exist.
type ShardPhase uint8

const (
	// ShardCreating means that the replicas may start the Raft group from InitialReplicas.
	ShardCreating = ShardPhase(storagev1.ShardPhase_SHARD_PHASE_CREATING)
	// ShardFormed means that the group lives: a replica without data starts empty.
	ShardFormed = ShardPhase(storagev1.ShardPhase_SHARD_PHASE_FORMED)
)

// String names the phase for people.
func (p ShardPhase) String() string {
	switch p {
	case ShardCreating:
		return "creating"
	case ShardFormed:
		return "formed"
	}
	return "unknown"
}

type shardEvent uint8

const (
	shardIsCreated shardEvent = iota + 1
	shardForms
	shardPrefersLeader
	shardChangesReplicas
	shardIsDissolved
)

// shardMoves is the life of a shard. What is not in the table is refused.
var shardMoves = map[ShardPhase]map[shardEvent]ShardPhase{
	0:             {shardIsCreated: ShardCreating},
	ShardCreating: {shardForms: ShardFormed, shardPrefersLeader: ShardCreating},
	ShardFormed:   {shardForms: ShardFormed, shardPrefersLeader: ShardFormed, shardChangesReplicas: ShardFormed, shardIsDissolved: 0},
}

// createShards adds shards, all or none.
func (v *values) createShards(c *storagev1.CreateShards, r *Result) error {
	switch {
	case c.ExpectedEpoch != v.epoch:
		return apierr.New(apierr.KindInvalid, "create shards: planned at epoch %d, the cluster is at %d; not applied, plan again", c.ExpectedEpoch, v.epoch)
	case len(c.Shards) == 0:
		return apierr.New(apierr.KindInvalid, "create shards: none given; not applied")
	case len(v.shards)+len(c.Shards) > ShardsMax:
		return apierr.New(apierr.KindTooLarge, "create shards: %d and %d more are over the limit of %d; not applied, use fewer", len(v.shards), len(c.Shards), ShardsMax)
	}
	shards := slices.Clone(v.shards)
	for i, plan := range c.Shards {
		shard, err := v.newShard(v.nextShard+slot.ShardID(i), plan)
		if err != nil {
			return err
		}
		shards = append(shards, shard)
		r.Shards = append(r.Shards, shard.ID)
	}
	slots, err := slot.NewMap(v.epoch+1, assignments(shards))
	if err != nil {
		return apierr.New(apierr.KindInvalid, "create shards: %w; not applied", err)
	}
	if !slots.Complete() {
		return apierr.New(apierr.KindInvalid, "create shards: not every slot would have an owner; not applied, cover slots 0-%d", slot.Count-1)
	}
	v.shards = shards
	v.nextShard += slot.ShardID(len(c.Shards))
	r.Changed = true
	return nil
}

func (v *values) newShard(id slot.ShardID, plan *storagev1.NewShard) (Shard, error) {
	ranges, err := rangesFromProto(plan.Ranges)
	if err != nil {
		return Shard{}, apierr.New(apierr.KindInvalid, "create shard %d: %w; not applied", id, err)
	}
	if len(plan.Replicas) == 0 {
		return Shard{}, apierr.New(apierr.KindInvalid, "create shard %d: no replicas; not applied", id)
	}
	if err := CheckReplicas(len(plan.Replicas)); err != nil {
		return Shard{}, apierr.New(apierr.KindInvalid, "create shard %d: %w; not applied", id, err)
	}
	if err := v.checkReplicaNodes(id, plan.Replicas); err != nil {
		return Shard{}, err
	}
	if !slices.Contains(plan.Replicas, plan.PreferredLeader) {
		return Shard{}, apierr.New(apierr.KindInvalid, "create shard %d: the preferred leader %s holds no replica; not applied", id, plan.PreferredLeader)
	}
	replicas := slices.Sorted(slices.Values(plan.Replicas))
	return Shard{
		ID: id, Phase: shardMoves[0][shardIsCreated], Ranges: slot.Normalize(ranges),
		InitialReplicas: replicas, Replicas: replicas, PreferredLeader: plan.PreferredLeader,
	}, nil
}

// checkReplicaNodes refuses a node that is named twice or does not belong to the cluster.
func (v *values) checkReplicaNodes(id slot.ShardID, replicas []string) error {
	for i, node := range replicas {
		if slices.Contains(replicas[:i], node) {
			return apierr.New(apierr.KindInvalid, "shard %d: node %s is to hold two replicas; not applied, a node holds one", id, node)
		}
		if !v.isRegistered(node) {
			return apierr.New(apierr.KindNotFound, "shard %d: node %s is not registered; not applied, see holt cluster nodes", id, node)
		}
	}
	return nil
}

// reportFormed notes the birth of the group. A repetition changes nothing, whatever incarnation it names: later leaders
// report their own.
func (v *values) reportFormed(c *storagev1.ReportFormed, r *Result) error {
	shard, err := v.moveShard(c.Shard, shardForms)
	if err != nil {
		return err
	}
	if c.Incarnation == 0 {
		return apierr.New(apierr.KindInvalid, "shard %d: formed with incarnation 0; not applied, an incarnation is a log index", c.Shard)
	}
	if shard.FormedIncarnation != 0 {
		return nil
	}
	shard.FormedIncarnation = c.Incarnation
	v.putShard(shard)
	r.Changed = true
	return nil
}

func (v *values) setPreferredLeader(c *storagev1.SetPreferredLeader, r *Result) error {
	shard, err := v.moveShard(c.Shard, shardPrefersLeader)
	switch {
	case err != nil:
		return err
	case shard.PreferredLeader == c.Preferred:
		return nil
	case shard.PreferredLeader != c.Expected:
		return apierr.New(apierr.KindInvalid, "shard %d: %s is preferred to lead, not %s as expected; not applied, plan again", c.Shard, shard.PreferredLeader, c.Expected)
	case !slices.Contains(shard.Replicas, c.Preferred):
		return apierr.New(apierr.KindInvalid, "shard %d: node %s holds no replica; not applied, prefer one of %v", c.Shard, c.Preferred, shard.Replicas)
	}
	shard.PreferredLeader = c.Preferred
	v.putShard(shard)
	r.Changed = true
	return nil
}

// setReplicas follows a membership change of the shard's Raft group, which goes one replica at a time.
func (v *values) setReplicas(c *storagev1.SetReplicas, r *Result) error {
	shard, err := v.moveShard(c.Shard, shardChangesReplicas)
	if err != nil {
		return err
	}
	replicas := slices.Sorted(slices.Values(c.Replicas))
	if slices.Equal(shard.Replicas, replicas) {
		return nil
	}
	if expected := slices.Sorted(slices.Values(c.Expected)); !slices.Equal(shard.Replicas, expected) {
		return apierr.New(apierr.KindInvalid, "shard %d: the replicas are %v, not %v as expected; not applied, plan again", c.Shard, shard.Replicas, expected)
	}
	if err := v.checkReplicaNodes(shard.ID, replicas); err != nil {
		return err
	}
	if more, less := countMissing(replicas, shard.Replicas), countMissing(shard.Replicas, replicas); more > 1 || less > 1 {
		return apierr.New(apierr.KindInvalid, "shard %d: %v to %v adds %d replicas and takes %d; not applied, change one at a time", c.Shard, shard.Replicas, replicas, more, less)
	}
	if !slices.Contains(replicas, shard.PreferredLeader) {
		return apierr.New(apierr.KindInvalid, "shard %d: the preferred leader %s would hold no replica; not applied, prefer another first", c.Shard, shard.PreferredLeader)
	}
	shard.Replicas = replicas
	v.putShard(shard)
	r.Changed = true
	return nil
}

// moveShard is the shard in the phase that the event leads to; it is not put back yet.
func (v *values) moveShard(id uint64, event shardEvent) (Shard, error) {
	i, known := v.findShard(slot.ShardID(id))
	if !known {
		return Shard{}, apierr.New(apierr.KindNotFound, "shard %d does not exist; not applied, see holt cluster shards", id)
	}
	shard := v.shards[i]
	phase, ok := shardMoves[shard.Phase][event]
	if !ok {
		return Shard{}, apierr.New(apierr.KindInvalid, "shard %d is %s: nothing but its preferred leader changes until it has formed; not applied, wait", id, shard.Phase)
	}
	shard.Phase = phase
	return shard, nil
}

// countMissing is how many of a are not in b.
func countMissing(a, b []string) int {
	count := 0
	for _, s := range a {
		if !slices.Contains(b, s) {
			count++
		}
	}
	return count
}
