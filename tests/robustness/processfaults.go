package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// picking chooses the nodes that a fault hits.
type picking func(*rig, *rand.Rand) []*cluster.Node

func leaderOf(r *rig, random *rand.Rand) []*cluster.Node {
	return []*cluster.Node{r.c.Leader(r.shard(random)).Node}
}

func followerOf(r *rig, random *rand.Rand) []*cluster.Node {
	leader := r.c.Leader(r.shard(random)).Node
	for _, i := range random.Perm(len(r.c.Nodes)) {
		if n := r.c.Nodes[i]; n != leader {
			return []*cluster.Node{n}
		}
	}
	return nil
}

// majority is as many nodes as keep the rest from having a quorum, a leader among them.
func majority(r *rig, random *rand.Rand) []*cluster.Node {
	leader := r.c.Leader(r.shard(random)).Node
	nodes := []*cluster.Node{leader}
	for _, i := range random.Perm(len(r.c.Nodes)) {
		if n := r.c.Nodes[i]; n != leader && len(nodes) <= len(r.c.Nodes)/2 {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// minority is as many nodes as the others do without, a leader among them.
func minority(r *rig, random *rand.Rand) []*cluster.Node {
	nodes := majority(r, random)
	return nodes[:len(nodes)-1]
}

func everyNode(r *rig, _ *rand.Rand) []*cluster.Node { return r.c.Nodes }

func numbers(nodes []*cluster.Node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, fmt.Sprint(n.Number))
	}
	return "node " + strings.Join(list, ", ")
}

var processFaults = []fault{
	{name: "kill-leader", about: "kill -9 of a leader", make: kill(leaderOf)},
	{name: "kill-follower", about: "kill -9 of a follower", make: kill(followerOf), unseen: true},
	{name: "kill-minority", about: "kill -9 of two of five, a leader among them", nodes: 5, make: kill(minority)},
	{name: "kill-majority", about: "kill -9 of a majority at one instant", make: kill(majority)},
	{name: "kill-all", about: "kill -9 of all nodes at one instant", make: kill(everyNode)},
	{name: "pause-leader", about: "SIGSTOP of a leader", make: pause(leaderOf)},
	{name: "pause-follower", about: "SIGSTOP of a follower", make: pause(followerOf), unseen: true},
	{name: "pause-all", about: "SIGSTOP of all nodes", make: pause(everyNode)},
	{name: "term-leader", about: "SIGTERM of a leader", make: term, unseen: true},
	{name: "rolling-restart", about: "SIGTERM of each node in turn", make: rolling, unseen: true},
	{name: "transfer", about: "leaderships handed over", make: transfer, unseen: true},
}

func kill(pick picking) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		nodes := pick(r, random)
		return &happening{
			name:  "kill -9 of " + numbers(nodes),
			begin: func() error { r.c.Kill(nodes...); return nil },
			end: func() error {
				for _, n := range nodes {
					n.Start()
				}
				return nil
			},
		}
	}
}

func pause(pick picking) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		nodes := pick(r, random)
		return &happening{
			name: "SIGSTOP of " + numbers(nodes),
			begin: func() error {
				for _, n := range nodes {
					n.Pause()
				}
				return nil
			},
			end: func() error {
				for _, n := range nodes {
					n.Resume()
				}
				return nil
			},
		}
	}
}

func term(r *rig, random *rand.Rand) nemesis.Fault {
	n := leaderOf(r, random)[0]
	return &happening{
		name:  "SIGTERM of " + numbers([]*cluster.Node{n}),
		begin: func() error { n.Stop(); return nil },
		end:   func() error { n.Start(); return nil },
	}
}

func rolling(r *rig, _ *rand.Rand) nemesis.Fault {
	return &happening{
		name: "SIGTERM of each node in turn",
		begin: func() error {
			for _, n := range r.c.Nodes {
				n.Stop()
				n.Start()
				r.c.WaitReady()
			}
			return nil
		},
		end: func() error { return nil },
	}
}

func transfer(r *rig, random *rand.Rand) nemesis.Fault {
	moved := 0
	shards := []uint64{0}
	for _, i := range random.Perm(len(r.shards)) {
		shards = append(shards, r.shards[i])
	}
	return &happening{
		name: "leaderships handed over",
		begin: func() error {
			for _, shard := range shards {
				// A leader that has only just come may refuse: nothing is broken by that.
				if _, err := r.c.Transfer(shard, nil); err == nil {
					moved++
				}
			}
			return nil
		},
		end: func() error { return nil },
		effect: func() error {
			if moved == 0 {
				return errors.New("no leadership was handed over")
			}
			return nil
		},
	}
}
