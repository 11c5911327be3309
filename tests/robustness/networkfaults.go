package main

import (
	"math/rand/v2"
	"time"

	"github.com/holtcache/holt/tests/nemesis"
)

// cutting makes a cut around a node. Hosts have the numbers of their nodes.
type cutting func(net *nemesis.Network, host int) *nemesis.Cut

var networkFaults = []fault{
	{name: "isolate-leader", about: "a leader is cut off from all other nodes, and clients reach it", network: true, make: cut(leaderOf, (*nemesis.Network).Isolate)},
	{name: "isolate-follower", about: "a follower is cut off from all other nodes", network: true, unseen: true, make: cut(followerOf, (*nemesis.Network).Isolate)},
	{name: "refuse-leader", about: "a leader is cut off from all other nodes by resets", network: true, make: cut(leaderOf, func(net *nemesis.Network, host int) *nemesis.Cut {
		return net.Isolate(host).Refusing()
	})},
	{name: "unplug-leader", about: "a leader is cut off from nodes and clients", network: true, make: cut(leaderOf, (*nemesis.Network).Unplug)},
	{name: "mute-leader", about: "nobody hears a leader, which hears everybody", network: true, make: cut(leaderOf, (*nemesis.Network).Mute)},
	{name: "deaf-leader", about: "a leader hears nobody, and everybody hears it", network: true, make: cut(leaderOf, (*nemesis.Network).Deaf)},
	{name: "one-way", about: "one direction between a leader and another node is cut", network: true, unseen: true, make: cutPair((*nemesis.Network).OneWay)},
	{name: "pair", about: "a leader and another node do not hear each other", network: true, unseen: true, make: cutPair((*nemesis.Network).Pair)},
	{name: "minority", about: "two of five, a leader among them, are cut off", network: true, nodes: 5, make: cut(leaderOf, (*nemesis.Network).Minority)},
	{name: "majority", about: "three of five, a leader among them, are cut off from the others", network: true, nodes: 5, unseen: true, make: cut(leaderOf, (*nemesis.Network).Majority)},
	{name: "bridge", about: "halves that do not hear each other, and a leader hears both", network: true, unseen: true, make: cut(leaderOf, (*nemesis.Network).Bridge)},
	{name: "ring", about: "each node hears its neighbours only", network: true, nodes: 5, unseen: true, make: cut(leaderOf, func(net *nemesis.Network, _ int) *nemesis.Cut { return net.Ring() })},
	{name: "shatter", about: "no node hears another", network: true, make: cut(leaderOf, func(net *nemesis.Network, _ int) *nemesis.Cut { return net.HostLinks() })},
	{name: "client-links", about: "clients reach a leader no more, and the nodes each other", network: true, make: cut(leaderOf, func(net *nemesis.Network, host int) *nemesis.Cut {
		return net.ClientLinks(host)
	})},
	{name: "flapping", about: "a leader is cut off and back again and again", network: true, longOnly: true, make: flapping},
	{name: "delay", about: "packets of a leader come late and overtake each other", network: true, longOnly: true, make: disturb(leaderOf, nemesis.Quality{
		Delay: 60 * time.Millisecond, Jitter: 250 * time.Millisecond,
	})},
	{name: "loss", about: "one packet in five between nodes is lost", network: true, longOnly: true, unseen: true, make: disturb(everyNode, nemesis.Quality{Loss: 0.2})},
	{name: "duplicates", about: "one packet in three between nodes arrives twice, some late", network: true, longOnly: true, unseen: true, make: disturb(everyNode, nemesis.Quality{
		Duplicates: 0.3, Jitter: 15 * time.Millisecond,
	})},
	{name: "narrow", about: "20 KiB a second get out of a leader", network: true, longOnly: true, unseen: true, make: disturb(leaderOf, nemesis.Quality{BytesPerSecond: 20 << 10})},
}

func cut(pick picking, shape cutting) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault { return shape(r.network, pick(r, random)[0].Number) }
}

func cutPair(shape func(net *nemesis.Network, a, b int) *nemesis.Cut) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		a := leaderOf(r, random)[0].Number
		b := a%len(r.c.Nodes) + 1
		if random.IntN(2) == 0 {
			a, b = b, a
		}
		return shape(r.network, a, b)
	}
}

// flapMax is how long a link that flaps is cut at most, and mended: a tenth of it is far shorter than an election takes.
const flapMax = 600 * time.Millisecond

func flapping(r *rig, random *rand.Rand) nemesis.Fault {
	isolated := r.network.Isolate(leaderOf(r, random)[0].Number)
	return &nemesis.Flapping{Fault: isolated, Random: random, On: flapMax, Off: flapMax}
}

// disturb makes the links between nodes worse: those of one node, or all.
func disturb(pick picking, q nemesis.Quality) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		nodes := pick(r, random)
		links := r.network.Isolate(nodes[0].Number).Links
		if len(nodes) > 1 {
			links = r.network.HostLinks().Links
		}
		return r.network.Disturb(q, random, links...)
	}
}
