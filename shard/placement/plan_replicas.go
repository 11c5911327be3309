package placement

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// ShardReplicas is which nodes hold, or are to hold, a replica of a shard.
type ShardReplicas struct {
	Shard slot.ShardID
	// Replicas are in ascending order.
	Replicas  []string
	Preferred string
	// Want is how many replicas the shard should have.
	Want int
}

// ReplicaSet is which nodes should hold a shard's replicas, in ascending order.
type ReplicaSet struct {
	Shard    slot.ShardID
	Replicas []string
	// Missing is how many replicas no node has room for.
	Missing int
}

// PlanReplicas tells which nodes should hold the replicas of each shard, with the fewest changes: nodes that are draining or
// gone are replaced by alive ones that hold the fewest replicas, and what is too much is taken where the most are; zones
// come first. A replica that nobody can take the place of stays. It never moves one for the sake of balance alone. shards
// are in ascending order of id.
func PlanReplicas(nodes []Node, shards []ShardReplicas) []ReplicaSet {
	p := newReplicaPlan(nodes, shards)
	for i := range shards {
		p.trim(i)
	}
	for i := range shards {
		p.fill(i)
	}
	return p.sets
}

// ReplicaMove is one replica that is to go from one node to another.
type ReplicaMove struct {
	Shard    slot.ShardID
	From, To string
}

// PlanSpread tells which replicas to move, beyond what PlanReplicas does anyway, so that every node holds as many as the
// others as far as zones allow. It takes the most loaded node's replicas first, and moves none that gains nothing.
func PlanSpread(nodes []Node, shards []ShardReplicas) []ReplicaMove {
	p := newReplicaPlan(nodes, shards)
	for i := range shards {
		p.trim(i)
	}
	for i := range shards {
		p.fill(i)
	}
	var moves []ReplicaMove
	for {
		i, from, to := p.bestMove()
		if to == "" {
			return moves
		}
		p.take(i, from)
		p.give(i, to)
		moves = append(moves, ReplicaMove{Shard: shards[i].Shard, From: from, To: to})
	}
}

// PlanPreferred tells which node each shard should prefer as its leader so that nodes lead as many shards as each other, with
// few changes. replicas are those that each shard may be led by.
func PlanPreferred(replicas [][]string, preferred []string) []string {
	leaders := slices.Clone(preferred)
	led := map[string]int{}
	for i, nodes := range replicas {
		if !slices.Contains(nodes, leaders[i]) && len(nodes) > 0 {
			leaders[i] = nodes[0]
		}
		led[leaders[i]]++
	}
	for relieve(replicas, leaders, led) {
	}
	return leaders
}

// replicaPlan is a plan in the making.
type replicaPlan struct {
	nodes  map[string]Node
	ids    []string
	shards []ShardReplicas
	sets   []ReplicaSet
	// load is how many replicas each node holds by sets.
	load map[string]int
}

func newReplicaPlan(nodes []Node, shards []ShardReplicas) *replicaPlan {
	p := &replicaPlan{nodes: map[string]Node{}, shards: shards, sets: make([]ReplicaSet, len(shards)), load: map[string]int{}}
	for _, n := range nodes {
		p.nodes[n.ID] = n
		p.ids = append(p.ids, n.ID)
	}
	slices.Sort(p.ids)
	for i, s := range shards {
		p.sets[i].Shard = s.Shard
		for _, id := range s.Replicas {
			if n, known := p.nodes[id]; known && !n.Leaving() {
				p.give(i, id)
			}
		}
	}
	return p
}

func (p *replicaPlan) give(i int, node string) {
	p.sets[i].Replicas = slices.Sorted(slices.Values(append(slices.Clone(p.sets[i].Replicas), node)))
	p.load[node]++
}

func (p *replicaPlan) take(i int, node string) {
	p.sets[i].Replicas = slices.DeleteFunc(slices.Clone(p.sets[i].Replicas), func(id string) bool { return id == node })
	p.load[node]--
}

// inZone is how many replicas of a shard are in the zone of a node, without the node's own.
func (p *replicaPlan) inZone(i int, node string) int {
	count := 0
	for _, id := range p.sets[i].Replicas {
		if id != node && p.nodes[id].Zone == p.nodes[node].Zone {
			count++
		}
	}
	return count
}

// trim takes what a shard has too much.
func (p *replicaPlan) trim(i int) {
	for len(p.sets[i].Replicas) > p.shards[i].Want {
		p.take(i, slices.MaxFunc(p.sets[i].Replicas, func(a, b string) int {
			return cmp.Or(
				cmp.Compare(p.inZone(i, a), p.inZone(i, b)),
				-compareBool(p.nodes[a].Alive, p.nodes[b].Alive),
				cmp.Compare(p.load[a], p.load[b]),
				-compareBool(a == p.shards[i].Preferred, b == p.shards[i].Preferred),
				cmp.Compare(a, b),
			)
		}))
	}
}

// fill gives a shard what it lacks. Where there is no node for that, those that are leaving keep theirs, the alive ones first.
func (p *replicaPlan) fill(i int) {
	for len(p.sets[i].Replicas) < p.shards[i].Want {
		to := p.bestNode(i)
		if to == "" {
			break
		}
		p.give(i, to)
	}
	leaving := slices.DeleteFunc(slices.Clone(p.shards[i].Replicas), func(id string) bool {
		_, known := p.nodes[id]
		return !known || slices.Contains(p.sets[i].Replicas, id) || !p.nodes[id].Leaving()
	})
	slices.SortStableFunc(leaving, func(a, b string) int { return -compareBool(p.nodes[a].Alive, p.nodes[b].Alive) })
	p.sets[i].Missing = max(p.shards[i].Want-len(p.sets[i].Replicas), 0)
	for _, id := range leaving[:min(len(leaving), p.sets[i].Missing)] {
		p.give(i, id)
	}
}

// bestNode is where the next replica of a shard belongs, "" where there is no node for it.
func (p *replicaPlan) bestNode(i int) string {
	var free []string
	for _, id := range p.ids {
		if n := p.nodes[id]; n.Alive && !n.Leaving() && !slices.Contains(p.sets[i].Replicas, id) {
			free = append(free, id)
		}
	}
	if len(free) == 0 {
		return ""
	}
	return slices.MinFunc(free, func(a, b string) int {
		return cmp.Or(cmp.Compare(p.inZone(i, a), p.inZone(i, b)), cmp.Compare(p.load[a], p.load[b]), cmp.Compare(a, b))
	})
}

// bestMove is the move that gains most, to is "" where none gains anything: fewer replicas of a shard in one zone, or else
// loads that differ less. Of equal ones it takes that of a follower, since a leadership would have to be handed over first.
func (p *replicaPlan) bestMove() (shard int, from, to string) {
	bestZone, bestGain, bestLeads := 0, 0, false
	for i := range p.shards {
		for _, a := range p.sets[i].Replicas {
			for _, b := range p.ids {
				n := p.nodes[b]
				if !n.Alive || n.Leaving() || p.nodes[a].Leaving() || slices.Contains(p.sets[i].Replicas, b) {
					continue
				}
				zone := p.inZone(i, a) - p.inZoneWithout(i, b, a)
				gain := p.load[a] - p.load[b]
				if zone < 0 || zone == 0 && gain < 2 {
					continue
				}
				leads := a == p.shards[i].Preferred
				if to == "" || cmp.Or(cmp.Compare(zone, bestZone), cmp.Compare(gain, bestGain), -compareBool(leads, bestLeads)) > 0 {
					shard, from, to, bestZone, bestGain, bestLeads = i, a, b, zone, gain, leads
				}
			}
		}
	}
	return shard, from, to
}

// inZoneWithout is inZone of a node, once another node's replica is gone.
func (p *replicaPlan) inZoneWithout(i int, node, gone string) int {
	count := p.inZone(i, node)
	if p.nodes[gone].Zone == p.nodes[node].Zone {
		count--
	}
	return count
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
