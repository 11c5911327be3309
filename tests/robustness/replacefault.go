package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// replaceNode lets a node join and take over what another has, which leaves. Then that one comes back as a new node, and the
// one that joined leaves: the run goes on with the nodes that it began with. While replicas move, a leader is killed.
func replaceNode(r *rig, random *rand.Rand) nemesis.Fault {
	out, killed := r.c.Nodes[random.IntN(len(r.c.Nodes))], leaderOf(r, random)[0]
	var spare *cluster.Node
	var moving int
	return &happening{
		name: fmt.Sprintf("node %d replaced by another, and back; kill -9 of node %d", out.Number, killed.Number),
		begin: func() (err error) {
			spare = r.c.Join()
			r.c.Drain(out)
			moving, err = replicasOf(out)
			killed.Kill()
			return err
		},
		end: func() error {
			killed.Start()
			r.c.RemoveNode(out, false)
			out.Kill() // it may have been started just now, and know of no signal yet
			out.Wipe()
			out.Start()
			r.c.WaitReady()
			r.c.RemoveNode(spare, false)
			log, err := os.ReadFile(spare.LogFile())
			if line := crash.Find(log); line != nil {
				r.t.Errorf("node %d crashed: %s", spare.Number, line)
			}
			r.c.Forget(spare)
			return err
		},
		effect: func() error {
			if moving == 0 {
				return errors.New("no replica was left to move when the leader was killed")
			}
			return nil
		},
	}
}

// replicasOf is how many replicas a node is to hold.
func replicasOf(n *cluster.Node) (count int, err error) {
	shards, err := n.Shards()
	for _, s := range shards {
		if slices.ContainsFunc(s.Shard.Replicas, func(replica *clusterv1.Replica) bool { return replica.NodeId == n.ID() }) {
			count++
		}
	}
	return count, err
}
