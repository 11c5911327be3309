package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
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
	{name: "slow-leader", about: "a leader gets a part of its time", longOnly: true, unseen: true, make: slow},
	{name: "low-memory", about: "a leader gets no more memory", longOnly: true, unseen: true, dies: true, wants: (&nemesis.LowMemory{}).Missing, make: lowMemory},
	{name: "term-leader", about: "SIGTERM of a leader", make: term, unseen: true},
	{name: "rolling-restart", about: "SIGTERM of each node in turn", make: rolling, unseen: true},
	{name: "kill-saved", about: "each node in turn writes snapshots and is killed (-9)", make: savedKills, unseen: true},
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
		stopped := &nemesis.Pause{Programs: cluster.Programs(nodes...)}
		return &happening{name: "SIGSTOP of " + numbers(nodes), begin: stopped.Begin, end: stopped.End, effect: stopped.TookEffect}
	}
}

// slowShare is what a slow node gets of the time that it wants. It goes on sending heartbeats.
const slowShare = 0.15

func slow(r *rig, random *rand.Rand) nemesis.Fault {
	n := leaderOf(r, random)[0]
	slowed := &nemesis.Slowness{Program: cluster.Programs(n)[0], Share: slowShare}
	return &happening{name: slowed.Name() + ": " + numbers([]*cluster.Node{n}), begin: slowed.Begin, end: slowed.End, effect: slowed.TookEffect}
}

// memoryLeft is too little for a node to go on for long.
const memoryLeft = 4 << 20

// lowMemory gives a leader more keys than it has room for.
func lowMemory(r *rig, random *rand.Rand) nemesis.Fault {
	led := r.c.Leader(r.shard(random))
	n, keys := led.Node, r.c.Keys(led.Shard)
	low := &nemesis.LowMemory{Program: cluster.Programs(n)[0], RoomBytes: memoryLeft}
	return &happening{
		name: low.Name() + ": " + numbers([]*cluster.Node{n}), end: low.End, effect: low.TookEffect,
		begin: func() error {
			if err := low.Begin(); err != nil {
				return err
			}
			for i := 0; i < largeKeysMax && n.Running(); i++ {
				writeLarge(n, keys("large", i))
			}
			return nil
		},
	}
}

// largeKeysMax is far more than a node has room for that has no more memory.
const largeKeysMax = 100

// writeLarge writes 1 MiB at a node, which may end meanwhile: whoever wants to know looks.
func writeLarge(n *cluster.Node, key string) {
	conn, err := workload.Dial(n.Addr.RESP, workload.RequestTimeout)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Do(workload.RequestTimeout, "SET", key, strings.Repeat("x", 1<<20)) // the fault says whether it took effect
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
