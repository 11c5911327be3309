package host

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// RecoverConfig says which nodes are left.
type RecoverConfig struct {
	// Dir is the data folder of a survivor that is stopped.
	Dir string
	// Survivors are the ids of all nodes whose folders are left; the node of Dir is always one. Every other is declared lost.
	Survivors []string
	// Shards, if not empty, are those to recover, 0 being the meta group. A group of which several survivors hold a replica is
	// recovered only where it is named: at the one whose log ends latest.
	Shards []uint64
}

// RecoverAction is what becomes of a group.
type RecoverAction uint8

const (
	// RecoverKeep leaves a group alone: a majority of its voters survives.
	RecoverKeep RecoverAction = iota + 1
	// RecoverGroup makes the survivors among the voters its only voters.
	RecoverGroup
	// RecoverName leaves it alone, because it has to be named.
	RecoverName
	// RecoverSkip leaves it alone, because others are named.
	RecoverSkip
	// RecoverNothing leaves it alone: this replica has no log, or no vote.
	RecoverNothing
)

// RecoverPlan is what a recovery does.
type RecoverPlan struct {
	Dir, NodeID, ClusterID string
	Survivors              []string
	// Guard is why the amnesia guard is on, "" where it is off. A recovery ends it.
	Guard  string
	Groups []GroupPlan
	// Lost are the nodes that are given up, as far as this folder names them, with where they were.
	Lost []LostNode
	// Elsewhere are shards of which this folder holds no replica and some survivor does; Nowhere those of which no survivor
	// does. Both are known only where the folder holds the meta group's state.
	Elsewhere, Nowhere []slot.ShardID
	// MetaVoters are the voters of a meta group of which this folder holds no replica with a vote.
	MetaVoters []string

	log LogStore
}

// GroupPlan is what becomes of one group.
type GroupPlan struct {
	ID     slot.ShardID
	Action RecoverAction
	Voters []string
	// Left are those of the voters that survive, Lost the others.
	Left, Lost []string
	// Snapshot is where the newest snapshot ends: all before it is committed. Last and LastTerm are where the log ends.
	Snapshot, Last, LastTerm uint64
	// Damage says which snapshots are not used, and why; nil where all are sound.
	Damage error
}

// LostNode is a node that is given up.
type LostNode struct{ ID, Addr string }

// Changes tells whether the plan changes anything.
func (p *RecoverPlan) Changes() bool {
	return p.Guard != "" || slices.ContainsFunc(p.Groups, func(g GroupPlan) bool { return g.Action == RecoverGroup })
}

// PlanRecovery looks at the folder of a survivor that is stopped, and changes nothing. What is damaged there is an error, but for
// snapshots that a start does without.
func PlanRecovery(cfg RecoverConfig) (*RecoverPlan, error) {
	i, err := Inspect(cfg.Dir)
	if err != nil {
		if i != nil {
			err = errors.Join(err, i.Close())
		}
		return nil, err
	}
	defer i.Close()
	f := i.folder
	if f.ClusterID() == "" {
		return nil, fmt.Errorf("the node of data folder %s belongs to no cluster: there is nothing to recover", cfg.Dir)
	}
	p := &RecoverPlan{
		Dir: cfg.Dir, NodeID: f.NodeID(), ClusterID: f.ClusterID(), Guard: i.run.Guard, log: i.log,
		Survivors: slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(cfg.Survivors), f.NodeID())))),
	}
	for _, id := range p.Survivors {
		if len(id) != 2*idBytes {
			return nil, fmt.Errorf("--survivors: %q is no node id: those have %d hexadecimal digits, and stand in identity.json", id, 2*idBytes)
		}
	}
	ids, err := i.groups()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := withoutPanic(i.folder.Dir, func() error { return i.plan(id, cfg, p) }); err != nil {
			return nil, fmt.Errorf("%s: %w", GroupText(id), err)
		}
	}
	return p, p.nameLost(f)
}

func (i *Inspection) plan(id slot.ShardID, cfg RecoverConfig, p *RecoverPlan) error {
	folder, _ := folderOf(id)
	snapshots, damage := goodSnapshots(i.folder.path(folder))
	log, err := i.openLog(id)
	if err != nil {
		return err
	}
	defer log.Close()
	if log.Damaged != "" {
		return fmt.Errorf("its log is marked as damaged: %s; recover at another node that holds it", log.Damaged)
	}
	g := GroupPlan{ID: id, Last: log.Last, LastTerm: log.LastTerm, Damage: damage}
	if len(snapshots) > 0 {
		g.Snapshot = snapshots[0].Index
		if g.Last < g.Snapshot {
			g.Last, g.LastTerm = g.Snapshot, snapshots[0].Term
		}
	}
	if err := log.Covers(g.Snapshot); err != nil {
		return errors.Join(err, damage)
	}
	latest, err := latestMembers(snapshots, log)
	if err != nil {
		return err
	}
	g.Voters = latest.voters()
	for _, v := range g.Voters {
		if slices.Contains(p.Survivors, v) {
			g.Left = append(g.Left, v)
		} else {
			g.Lost = append(g.Lost, v)
		}
	}
	g.Action = g.decide(p.NodeID, cfg.Shards)
	p.Groups = append(p.Groups, g)
	if id == shard.MetaGroup {
		return p.lookAtShards(snapshots, log, latest)
	}
	return nil
}

// goodSnapshots lists the snapshots of a group that a start can use, the newest first, and says what is wrong with the others.
func goodSnapshots(dir string) (good []logstore.SnapshotView, damage error) {
	found, _, damage := logstore.InspectSnapshots(dir)
	for _, v := range found {
		if err := v.Verify(); err != nil {
			damage = errors.Join(damage, err)
			continue
		}
		good = append(good, v)
	}
	return good, damage
}

func (g *GroupPlan) decide(self string, named []uint64) RecoverAction {
	number := uint64(g.ID)
	if g.ID == shard.MetaGroup {
		number = 0
	}
	isNamed := slices.Contains(named, number)
	switch {
	case !slices.Contains(g.Voters, self):
		return RecoverNothing
	case len(g.Left) > len(g.Voters)/2:
		return RecoverKeep
	case len(named) > 0 && !isNamed:
		return RecoverSkip
	case len(g.Left) > 1 && !isNamed:
		return RecoverName
	}
	return RecoverGroup
}

// lookAtShards finds, in the state of the meta group, what this folder does not hold.
func (p *RecoverPlan) lookAtShards(snapshots []logstore.SnapshotView, log *logstore.LogView, latest members) error {
	if !slices.Contains(latest.voters(), p.NodeID) {
		p.MetaVoters = latest.voters()
	}
	m := &metaMachine{m: meta.New()}
	base := uint64(0)
	if len(snapshots) > 0 {
		state, err := snapshots[0].Open()
		if err != nil {
			return err
		}
		if err := m.restore(state); err != nil {
			return err
		}
		base = snapshots[0].Index
	}
	if err := replay(m, log, base+1, log.Last); err != nil {
		return err
	}
	for _, s := range m.m.State().Shards() {
		switch {
		case slices.Contains(s.Replicas, p.NodeID):
		case slices.ContainsFunc(s.Replicas, func(id string) bool { return slices.Contains(p.Survivors, id) }):
			p.Elsewhere = append(p.Elsewhere, s.ID)
		default:
			p.Nowhere = append(p.Nowhere, s.ID)
		}
	}
	return nil
}

// nameLost lists the nodes that are given up with where they were.
func (p *RecoverPlan) nameLost(f *Folder) error {
	nodes, err := f.Nodes()
	if err != nil {
		return err
	}
	var ids []string
	for _, g := range p.Groups {
		if g.Action == RecoverGroup {
			ids = append(ids, g.Lost...)
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		lost := LostNode{ID: id}
		if i := slices.IndexFunc(nodes, func(n meta.Node) bool { return n.ID == id }); i >= 0 {
			lost.Addr = nodes[i].Addresses.Cluster
		}
		p.Lost = append(p.Lost, lost)
	}
	return nil
}

// configurationOf has nodes as its only voters.
func configurationOf(voters []string) raft.Configuration {
	var c raft.Configuration
	for _, id := range voters {
		c.Servers = append(c.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	return c
}
