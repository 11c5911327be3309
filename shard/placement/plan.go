package placement

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Node is a node as the plans see it.
type Node struct {
	ID string
	// Zone is its failure domain; nodes without one share the nameless zone.
	Zone string
	// Alive is a hint: whether the node answers.
	Alive bool
	// Draining nodes are to give up all that they hold. Gone ones have been silent for so long that they count as dead.
	Draining, Gone bool
	// Holding nodes are named as replicas of shards.
	Holding bool
}

// Leaving tells whether the node is not to hold anything.
func (n Node) Leaving() bool { return n.Draining || n.Gone }

// ShardPlan is one shard to be created.
type ShardPlan struct {
	Range slot.Range
	// Replicas are in ascending order.
	Replicas        []string
	PreferredLeader string
}

// PlanShards divides all slots among shards and these among nodes. A shard spreads over as many zones as there are;
// within that, nodes hold as many replicas as each other and lead as many shards. The order of nodes does not matter.
// Callers have checked that there are as many nodes as replicas (CheckReplicas) and from 1 to slot.Count shards.
func PlanShards(nodes []Node, shards, replicas int) []ShardPlan {
	spread := newSpread(nodes)
	plans := make([]ShardPlan, shards)
	candidates := make([][]string, shards)
	for i, r := range slot.Split(shards) {
		candidates[i] = spread.pick(i, replicas)
		plans[i] = ShardPlan{Range: r, Replicas: slices.Sorted(slices.Values(candidates[i]))}
	}
	for i, leader := range spreadLeaders(candidates) {
		plans[i].PreferredLeader = leader
	}
	return plans
}

// spread hands out replicas.
type spread struct {
	// ring is the nodes in an order in which neighbours are of different zones as far as that goes.
	ring []Node
	// load and zoneLoad are how many replicas a node and a zone hold so far; zoneSize is the nodes of a zone.
	load     map[string]int
	zoneLoad map[string]int
	zoneSize map[string]int
}

func newSpread(nodes []Node) *spread {
	s := &spread{load: map[string]int{}, zoneLoad: map[string]int{}, zoneSize: map[string]int{}}
	sorted := slices.Clone(nodes)
	slices.SortFunc(sorted, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	// rank is the how-manieth of its zone a node is.
	rank := map[string]int{}
	for _, n := range sorted {
		rank[n.ID] = s.zoneSize[n.Zone]
		s.zoneSize[n.Zone]++
	}
	slices.SortFunc(sorted, func(a, b Node) int {
		return cmp.Or(cmp.Compare(rank[a.ID], rank[b.ID]), cmp.Compare(a.Zone, b.Zone))
	})
	s.ring = sorted
	return s
}

// pick chooses the nodes of the i-th shard, those given first; the first of all starts the search for a leader. Ties go
// round the ring, so that not the same nodes share every shard.
func (s *spread) pick(i, replicas int, given ...Node) []string {
	var picked []string
	inZone := map[string]int{}
	n := len(s.ring)
	add := func(node Node) {
		picked = append(picked, node.ID)
		inZone[node.Zone]++
		s.count(node.ID)
	}
	for _, node := range given {
		add(node)
	}
	for len(picked) < replicas {
		best := -1
		for step := range n {
			at := (i + step) % n
			if slices.Contains(picked, s.ring[at].ID) {
				continue
			}
			if best < 0 || s.compare(inZone, s.ring[at], s.ring[best]) < 0 {
				best = at
			}
		}
		add(s.ring[best])
	}
	return picked
}

// count notes a replica that a node holds; one of a node that is not to get any more counts nothing.
func (s *spread) count(id string) {
	for _, node := range s.ring {
		if node.ID == id {
			s.load[id]++
			s.zoneLoad[node.Zone]++
		}
	}
}

// compare tells which node is better for the next replica of a shard: zones first, then load.
func (s *spread) compare(inZone map[string]int, a, b Node) int {
	return cmp.Or(
		cmp.Compare(inZone[a.Zone], inZone[b.Zone]),
		cmp.Compare(s.load[a.ID], s.load[b.ID]),
		// Replicas per node of the zone, compared without division.
		cmp.Compare(s.zoneLoad[a.Zone]*s.zoneSize[b.Zone], s.zoneLoad[b.Zone]*s.zoneSize[a.Zone]),
	)
}

// spreadLeaders chooses one of each shard's candidates so that the numbers of shards that nodes lead differ as little as
// the candidates allow.
func spreadLeaders(candidates [][]string) []string {
	leaders := make([]string, len(candidates))
	led := map[string]int{}
	for i, nodes := range candidates {
		leaders[i] = slices.MinFunc(nodes, func(a, b string) int { return cmp.Compare(led[a], led[b]) })
		led[leaders[i]]++
	}
	for relieve(candidates, leaders, led) {
	}
	return leaders
}

// relieve moves one leadership off a node that leads at least two more shards than another can be made to, along a chain
// of shards if need be. It tells whether there was such a chain; each one lowers the sum of squares, so they end.
func relieve(candidates [][]string, leaders []string, led map[string]int) bool {
	var nodes []string
	for _, c := range candidates {
		nodes = append(nodes, c...)
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	slices.SortStableFunc(nodes, func(a, b string) int { return cmp.Compare(led[b], led[a]) })
	for _, from := range nodes {
		// via is the shard over which a node was reached, breadth first.
		via := map[string]int{from: -1}
		for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
			at := queue[0]
			if led[from]-led[at] >= 2 {
				for to := at; to != from; {
					shard := via[to]
					to, leaders[shard] = leaders[shard], to
				}
				led[from]--
				led[at]++
				return true
			}
			for shard, leader := range leaders {
				if leader != at {
					continue
				}
				for _, next := range candidates[shard] {
					if _, seen := via[next]; !seen {
						via[next] = shard
						queue = append(queue, next)
					}
				}
			}
		}
	}
	return false
}
