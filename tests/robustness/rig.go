package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// rig is a cluster and whatever of its surroundings can fail.
type rig struct {
	t      *step
	c      *cluster.Cluster
	shards []uint64
	// machines and disks are those of the nodes, where they have some.
	machines map[*cluster.Node]*nemesis.Machine
	disks    map[*cluster.Node]*nemesis.SmallDisk
	clocks   map[*cluster.Node]*nemesis.Clock
	// network is the one that the nodes are hosts of, where a fault wants that.
	network *nemesis.Network
	// from and to are the shards between which slots move.
	from, to uint64
}

// newRig prepares what the options say. No node runs yet.
func newRig(t *step, o Options) *rig {
	r := &rig{t: t, machines: map[*cluster.Node]*nemesis.Machine{}, disks: map[*cluster.Node]*nemesis.SmallDisk{}, clocks: map[*cluster.Node]*nemesis.Clock{}}
	homes := make([]cluster.Home, o.Nodes)
	if o.any(func(f fault) bool { return f.network }) {
		r.network = nemesis.NewNetwork(t, o.Nodes)
		homes = cluster.On(r.network)
	}
	machines, disks := make([]*nemesis.Machine, o.Nodes), make([]*nemesis.SmallDisk, o.Nodes)
	switch o.place() {
	case machinesPlace:
		for i := range homes {
			machines[i] = nemesis.NewMachine(t)
			homes[i].Dir, homes[i].Under = machines[i].Dir, slices.Concat(homes[i].Under, machines[i].Under())
		}
	case smallDisksPlace: // one is enough, and memory is short
		disks[0] = nemesis.NewSmallDisk(t, diskBytes)
		homes[0].Dir = disks[0].Dir
	}
	if o.any(func(f fault) bool { return f.clocks }) {
		for i := range homes {
			homes[i].Clock = nemesis.NewClock(t)
		}
	}
	r.c = cluster.New(t, cluster.Options{Nodes: o.Nodes, Homes: homes, Args: []string{"--appendfsync", o.AppendFsync}})
	for i, n := range r.c.Nodes {
		r.machines[n], r.disks[n] = machines[i], disks[i]
		r.clocks[n] = homes[i].Clock
	}
	return r
}

// start starts the cluster.
func (r *rig) start(o Options) {
	r.c.Form(&clusterv1.Settings{Shards: uint32(o.Shards), Replicas: uint32(o.Replicas)})
	r.shards = r.c.ShardIDs()
}

// place is where the faults want the nodes to live.
func (o Options) place() place {
	for _, one := range o.Faults {
		if f, err := faultByName(one.Fault); err == nil && f.place != anywhere {
			return f.place
		}
	}
	return anywhere
}

// any tells whether one of the faults is of a kind.
func (o Options) any(is func(fault) bool) bool {
	for _, one := range o.Faults {
		if f, err := faultByName(one.Fault); err == nil && is(f) {
			return true
		}
	}
	return false
}

// shard draws one.
func (r *rig) shard(random *rand.Rand) uint64 { return r.shards[random.IntN(len(r.shards))] }

// shardOf is one of the shards of which a node holds a replica: with more nodes than replicas not all of them.
func (r *rig) shardOf(n *cluster.Node, random *rand.Rand) uint64 {
	var held []uint64
	cluster.Eventually(r.t, fmt.Sprintf("node %d holds a replica", n.Number), func() error {
		held = nil
		shards, err := n.Shards()
		for _, s := range shards {
			if slices.ContainsFunc(s.Shard.Replicas, func(replica *clusterv1.Replica) bool { return replica.NodeId == n.ID() }) {
				held = append(held, s.Shard.Id)
			}
		}
		if err == nil && len(held) == 0 {
			err = errors.New("it holds none")
		}
		return err
	})
	return held[random.IntN(len(held))]
}
