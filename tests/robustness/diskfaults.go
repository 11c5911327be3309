package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// diskBytes is the room on a small disk.
const diskBytes = 192 << 20

var diskFaults = []fault{
	{name: "power-leader", about: "power cut of a leader's machine", place: machinesPlace, make: powerCut(leaderOf, false)},
	{name: "power-follower", about: "power cut of a follower's machine", place: machinesPlace, make: powerCut(followerOf, true), unseen: true},
	{name: "power-all", about: "power cut of all machines at once", place: machinesPlace, loses: true, make: powerCut(everyNode, false)},
	{name: "power-all-torn", about: "power cut of all machines, some pages written back", place: machinesPlace, loses: true, make: powerCut(everyNode, true)},
	{name: "full-disk", about: "a leader's disk is full", place: smallDisksPlace, longOnly: true, make: fullDisk},
	{name: "failing-sync", about: "EIO from a leader's fdatasync", longOnly: true, unseen: true, syncs: true, wants: (&nemesis.Injection{}).Missing, make: failingSync},
	{name: "hanging-disk", about: "a leader's disk hangs", longOnly: true, syncs: true, wants: (&nemesis.Injection{}).Missing, make: hangingDisk},
	{name: "torn-log", about: "a follower is killed and its log ends in the middle of a write", longOnly: true, unseen: true, make: tornLog},
}

func powerCut(pick picking, torn bool) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		nodes := pick(r, random)
		cut := &nemesis.PowerCut{Kill: func() { r.c.Kill(nodes...) }}
		if torn {
			cut.Torn = random
		}
		for _, n := range nodes {
			cut.Machines = append(cut.Machines, r.machines[n])
		}
		return &happening{
			name: cut.Name() + ": " + numbers(nodes), begin: cut.Begin, effect: cut.TookEffect,
			end: func() error {
				if err := cut.End(); err != nil {
					return err
				}
				for _, n := range nodes {
					n.Start()
				}
				return nil
			},
		}
	}
}

// ended starts a node again that a fault of its disk has ended; it may have survived.
func ended(n *cluster.Node) {
	if !n.Running() {
		n.Start()
	}
}

// fullDisk fills the disk of the first node, which leads a shard, and writes until the node notices.
func fullDisk(r *rig, random *rand.Rand) nemesis.Fault {
	n := r.c.Nodes[0]
	full := &nemesis.FullDisk{Disk: r.disks[n]}
	shard := r.shardOf(n, random)
	return &happening{
		name: "full disk of " + numbers([]*cluster.Node{n}),
		begin: func() error {
			cluster.Eventually(r.t, fmt.Sprintf("node %d leads shard %d", n.Number, shard), func() error {
				_, err := r.c.Transfer(shard, n)
				return err
			})
			key := r.c.Key(shard, "large", 0)
			if err := full.Begin(); err != nil {
				return err
			}
			cluster.FillUntilStopped(r.t, n, func(int) string { return key })
			return nil
		},
		effect: full.TookEffect,
		end: func() error {
			err := full.End()
			ended(n)
			return err
		},
	}
}

func failingSync(r *rig, random *rand.Rand) nemesis.Fault {
	n := leaderOf(r, random)[0]
	return injected(r, n, nemesis.FailingOnce(n.PID(), "fdatasync"))
}

func hangingDisk(r *rig, random *rand.Rand) nemesis.Fault {
	n := leaderOf(r, random)[0]
	return injected(r, n, nemesis.Hanging(n.PID(), "fdatasync"))
}

func injected(r *rig, n *cluster.Node, injection *nemesis.Injection) nemesis.Fault {
	nemesis.Need(r.t, injection)
	return &happening{
		name: injection.Name() + " of " + numbers([]*cluster.Node{n}), begin: injection.Begin, effect: injection.TookEffect,
		end: func() error {
			err := injection.End()
			ended(n)
			return err
		},
	}
}

func tornLog(r *rig, random *rand.Rand) nemesis.Fault {
	n := followerOf(r, random)[0]
	var damage *nemesis.Damage
	return &happening{
		name: "log that ends too early at " + numbers([]*cluster.Node{n}),
		begin: func() error {
			n.Kill()
			segments, err := filepath.Glob(filepath.Join(n.Dir, "wal", "*.wal"))
			if err != nil || len(segments) == 0 {
				return errors.Join(fmt.Errorf("node %d has no log", n.Number), err)
			}
			damage = nemesis.TearTail(segments[len(segments)-1], random)
			return damage.Begin()
		},
		end:    func() error { n.Start(); return nil },
		effect: func() error { return damage.TookEffect() },
	}
}
