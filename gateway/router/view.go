package router

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// NodeState is what gossip suspects of a node; a hint, never the truth.
type NodeState uint8

const (
	NodeAlive   NodeState = iota
	NodeSuspect           // PFAIL in CLUSTER NODES
	NodeDead              // FAIL
)

// Node is one node of the cluster.
type Node struct {
	ID      string
	RESP    string // advertised host:port
	GRPC    string
	Gossip  string
	Cluster string
	HTTP    string
	Zone    string
	State   NodeState
}

// Shard is one shard and who serves it.
type Shard struct {
	ID       slot.ShardID
	Ranges   []slot.Range
	Replicas []string // node ids
	// Leader is the node that leads in Term as far as this node knows, "" where no leader is known.
	Leader    string
	Term      uint64
	Preferred string
}

// View is what this node knows of the cluster at one moment. It is immutable.
type View struct {
	ClusterID string
	Self      string
	Map       *slot.Map // never nil
	Nodes     []Node    // sorted by id
	Shards    []Shard   // sorted by id
	// Migrations are those whose end has not been noted by both shards, sorted by id.
	Migrations []Migration
	// arriving is filled by AddMigration.
	arriving *slotSet
}

// Migration is slots on their way from one shard to another.
type Migration struct {
	ID       uint64
	From, To slot.ShardID
	Ranges   []slot.Range
	// Stage is how far it has come.
	Stage MigrationStage
}

// MigrationStage is what was decided of a migration.
type MigrationStage uint8

const (
	// MigrationRunning: the slots belong to From.
	MigrationRunning MigrationStage = iota + 1
	// MigrationArriving: the slots belong to To, which may not have heard of it.
	MigrationArriving
	// MigrationOver: To serves the slots, or From goes on to.
	MigrationOver
)

// slotSet is a set of slots.
type slotSet [slot.Count / 64]uint64

func (s *slotSet) add(id slot.ID) { s[id/64] |= 1 << (id % 64) }

func (s *slotSet) has(id slot.ID) bool { return s != nil && s[id/64]&(1<<(id%64)) != 0 }

// AddMigration adds a migration to a view that nobody has seen yet; they come in ascending order of id.
func (v *View) AddMigration(m Migration) {
	v.Migrations = append(v.Migrations, m)
	if m.Stage != MigrationArriving {
		return
	}
	if v.arriving == nil {
		v.arriving = &slotSet{}
	}
	for _, r := range m.Ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			v.arriving.add(slot.ID(s))
		}
	}
}

// MigrationOf finds the migration that a slot is in.
func (v *View) MigrationOf(s slot.ID) (Migration, bool) {
	for _, m := range v.Migrations {
		if slices.ContainsFunc(m.Ranges, func(r slot.Range) bool { return r.Contains(s) }) {
			return m, true
		}
	}
	return Migration{}, false
}

// Node finds a node by id.
func (v *View) Node(id string) (Node, bool) {
	for _, n := range v.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// Shard finds a shard by id.
func (v *View) Shard(id slot.ShardID) (Shard, bool) {
	i := slices.IndexFunc(v.Shards, func(s Shard) bool { return s.ID == id })
	if i < 0 {
		return Shard{}, false
	}
	return v.Shards[i], true
}

// Led lists the slots that a node leads, neighbours joined.
func (v *View) Led(node string) []slot.Range {
	var ranges []slot.Range
	for _, s := range v.Shards {
		if s.Leader == node {
			ranges = append(ranges, s.Ranges...)
		}
	}
	return slot.Normalize(ranges)
}

// Served tells whether every slot has an owner whose leader is known.
func (v *View) Served() bool {
	if !v.Map.Complete() {
		return false
	}
	for _, s := range v.Shards {
		if len(s.Ranges) > 0 && s.Leader == "" {
			return false
		}
	}
	return true
}
