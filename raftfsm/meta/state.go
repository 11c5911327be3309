package meta

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/holtcache/holt/proto/slot"
)

// State is the state of the cluster at one index of the meta group's log. It is immutable and may be shared; what its
// methods return must not be written to.
type State struct {
	values
	// slotMap builds the slot map of this epoch when it is first asked for.
	slotMap func() *slot.Map
}

// values is all that the state consists of. A slice is never written in place once a State holds it, so values may be
// copied by assignment.
type values struct {
	// applied is the index of the last command that is part of the state.
	applied uint64
	// epoch counts the changes. Invariant: it rises by one with each command that changes anything else but applied.
	epoch     uint64
	clusterID string
	createdMs int64
	// hashSeed never changes; 0 in a cluster that began without one.
	hashSeed uint64
	// nextShard is the id that the next shard gets. Invariant: higher than every id ever given out.
	nextShard slot.ShardID
	settings  Settings
	// nodes are in ascending order of id, the removed ones included.
	nodes []Node
	// shards are in ascending order of id. Invariant: no slot belongs to two; with any shard, every slot has an owner.
	shards []Shard
	// metaVoters are in ascending order. Invariant: each is a registered node.
	metaVoters []string
	// lastMigration is the id of the migration that began last. Invariant: no migration ever had a higher one.
	lastMigration uint64
	// migrations are those whose records stand, in ascending order of id.
	migrations []Migration
	// endedMigrations are those that were collected last, oldest first. Nothing is decided by them.
	endedMigrations []Migration
	// rebalance is the one that runs, nil where none does. What it points to is never written.
	rebalance *Rebalance
	// users are those that were set, in ascending order of name.
	users []User
	// usersEpoch is the epoch at which a user was set or deleted last.
	usersEpoch uint64
	// commandVersion is the highest version of a command that has changed the state, 0 up to VersionUnsaid.
	commandVersion uint32
}

func newState(v values) *State {
	return &State{values: v, slotMap: sync.OnceValue(v.buildSlotMap)}
}

// Initialized tells whether the cluster has begun.
func (s *State) Initialized() bool { return s.clusterID != "" }

// ClusterID is the random id of the cluster, empty until it has begun.
func (s *State) ClusterID() string { return s.clusterID }

// CreatedMs is when the cluster began, in milliseconds since the Unix epoch.
func (s *State) CreatedMs() int64 { return s.createdMs }

// HashSeed is the seed of the hash by which the stores of all replicas place keys. It is a secret of the nodes: no client may
// see it.
func (s *State) HashSeed() uint64 { return s.hashSeed }

// Applied is the index of the last command that is part of the state.
func (s *State) Applied() uint64 { return s.applied }

// Epoch is the version of the state, and of the slot map in it.
func (s *State) Epoch() uint64 { return s.epoch }

// CommandVersion is the version of commands that every node knows which follows this state: one of that version has changed
// it, or it is one that every build knows.
func (s *State) CommandVersion() uint32 { return max(s.commandVersion, VersionUnsaid) }

// LastMigration is the id of the migration that began last, 0 where none ever did.
func (s *State) LastMigration() uint64 { return s.lastMigration }

// Settings are those of the whole cluster; all zero until it has begun.
func (s *State) Settings() Settings { return s.settings }

// MetaVoters are the nodes that vote in the meta group, as last noted, in ascending order.
func (s *State) MetaVoters() []string { return s.metaVoters }

// SlotMap says which shard serves each slot, as of this epoch.
func (s *State) SlotMap() *slot.Map { return s.slotMap() }

// Nodes are the registered nodes in ascending order of id.
func (s *State) Nodes() []Node {
	var nodes []Node
	for _, n := range s.nodes {
		if n.Phase == NodeRegistered {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Node finds a node by id, a removed one too.
func (s *State) Node(id string) (Node, bool) {
	if i, ok := s.findNode(id); ok {
		return s.nodes[i], true
	}
	return Node{}, false
}

// Shards are all shards in ascending order of id.
func (s *State) Shards() []Shard { return s.shards }

// Shard finds a shard by id.
func (s *State) Shard(id slot.ShardID) (Shard, bool) {
	if i, ok := s.findShard(id); ok {
		return s.shards[i], true
	}
	return Shard{}, false
}

func (v *values) findNode(id string) (int, bool) {
	return slices.BinarySearchFunc(v.nodes, id, func(n Node, id string) int { return cmp.Compare(n.ID, id) })
}

func (v *values) findShard(id slot.ShardID) (int, bool) {
	return slices.BinarySearchFunc(v.shards, id, func(s Shard, id slot.ShardID) int { return cmp.Compare(s.ID, id) })
}

// isRegistered tells whether the node belongs to the cluster.
func (v *values) isRegistered(id string) bool {
	i, ok := v.findNode(id)
	return ok && v.nodes[i].Phase == NodeRegistered
}

// putNode replaces the node of that id, or adds it, in a copy of the list.
func (v *values) putNode(n Node) {
	i, known := v.findNode(n.ID)
	v.nodes = slices.Clone(v.nodes)
	if known {
		v.nodes[i] = n
	} else {
		v.nodes = slices.Insert(v.nodes, i, n)
	}
}

// putShard replaces the shard of that id in a copy of the list.
func (v *values) putShard(s Shard) {
	i, known := v.findShard(s.ID)
	if !known {
		panic(fmt.Sprintf("meta: shard %d is not in the state", s.ID))
	}
	v.shards = slices.Clone(v.shards)
	v.shards[i] = s
}

func (v values) buildSlotMap() *slot.Map {
	m, err := slot.NewMap(v.epoch, assignments(v.shards))
	if err != nil {
		panic(fmt.Sprintf("meta: the shards of epoch %d overlap: %v", v.epoch, err))
	}
	return m
}

func assignments(shards []Shard) []slot.Assignment {
	var out []slot.Assignment
	for _, s := range shards {
		for _, r := range s.Ranges {
			out = append(out, slot.Assignment{Range: r, Shard: s.ID})
		}
	}
	return out
}
