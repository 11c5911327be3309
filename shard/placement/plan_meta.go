package placement

import (
	"cmp"
	"slices"
)

// Members is the membership of the meta group.
type Members struct {
	Voters, Learners []string
	// Index is that of the group's latest configuration; a change that names an older one is refused.
	Index uint64
}

// MetaAction is what to do with the membership of the meta group. The zero value means "not set".
type MetaAction uint8

const (
	// MetaDone means the group has as many voters as it should.
	MetaDone MetaAction = iota + 1
	// MetaAddLearner means to add the nodes as learners.
	MetaAddLearner
	// MetaAwaitCatchUp means to wait until the learners have caught up.
	MetaAwaitCatchUp
	// MetaPromote means to make the learners voters, one directly after the other.
	MetaPromote
	// MetaRemove means to take the nodes out of the group.
	MetaRemove
	// MetaHandOver means that the leader, which is to go, hands its leadership to the node.
	MetaHandOver
)

// MetaStep is the next step with the meta group.
type MetaStep struct {
	Action MetaAction
	// Nodes are those to be added, awaited, promoted or removed, in this order.
	Nodes []string
	// Target is how many voters the group should have.
	Target int
}

// MetaTarget is how many voters the meta group of that many nodes should have. Two nodes get one: with two voters the
// death of either would stop the group for good.
func MetaTarget(nodes int) int {
	switch {
	case nodes >= 5:
		return 5
	case nodes >= 3:
		return 3
	}
	return 1
}

// PlanMeta tells how the meta group gets the voters that it should have. It grows from one odd number of voters to the next, as
// learners that have all caught up before the first is promoted: the even number between tolerates no more than the odd one
// before, at two voters nothing at all. A voter that is leaving is replaced: another gets its vote first. One that is gone
// stays where nobody can take its place, since it may come back. nodes are the registered ones, leader is who leads the group.
func PlanMeta(nodes []Node, group Members, leader string, caughtUp func(node string) bool) MetaStep {
	p := metaPlan{nodes: nodes, group: group, leader: leader, target: MetaTarget(countForMeta(nodes, group.Voters))}
	step := p.next(caughtUp)
	step.Target = p.target
	return step
}

type metaPlan struct {
	nodes  []Node
	group  Members
	leader string
	target int
}

func (p *metaPlan) next(caughtUp func(string) bool) MetaStep {
	voters := len(p.group.Voters)
	for _, id := range p.group.Learners {
		if i := slices.IndexFunc(p.nodes, func(n Node) bool { return n.ID == id }); i < 0 || p.nodes[i].Leaving() {
			return MetaStep{Action: MetaRemove, Nodes: []string{id}}
		}
	}
	switch leaving := p.leaving(); {
	case voters > p.target:
		return p.shrink(leaving)
	case voters < p.target:
		return p.grow(1+voters%2, caughtUp)
	case len(leaving) > 0 && len(p.candidates(1, p.group.Voters, p.free)) > 0:
		return p.grow(1, caughtUp)
	}
	return MetaStep{Action: MetaDone}
}

// leaving are the voters that are not to stay, the draining ones first.
func (p *metaPlan) leaving() []string {
	var draining, gone []string
	for _, n := range p.nodes {
		switch {
		case !slices.Contains(p.group.Voters, n.ID):
		case n.Draining:
			draining = append(draining, n.ID)
		case n.Gone:
			gone = append(gone, n.ID)
		}
	}
	return append(draining, gone...)
}

// shrink takes out the voter that can be done without best.
func (p *metaPlan) shrink(leaving []string) MetaStep {
	out := ""
	if len(leaving) > 0 {
		out = leaving[0]
	} else {
		alive := map[string]bool{}
		for _, n := range p.nodes {
			alive[n.ID] = n.Alive
		}
		out = slices.MaxFunc(p.group.Voters, func(a, b string) int {
			return cmp.Or(-compareBool(a == p.leader, b == p.leader), -compareBool(alive[a], alive[b]), cmp.Compare(a, b))
		})
	}
	if out != p.leader {
		return MetaStep{Action: MetaRemove, Nodes: []string{out}}
	}
	for _, n := range p.nodes {
		if n.Alive && !n.Leaving() && slices.Contains(p.group.Voters, n.ID) {
			return MetaStep{Action: MetaHandOver, Nodes: []string{n.ID}}
		}
	}
	return MetaStep{Action: MetaDone} // nobody can lead in its place
}

// grow takes the next step towards more votes.
func (p *metaPlan) grow(need int, caughtUp func(string) bool) MetaStep {
	learners := p.candidates(need, p.group.Voters, func(n Node) bool { return slices.Contains(p.group.Learners, n.ID) })
	if missing := need - len(learners); missing > 0 {
		// Alive nodes suffice, or the target would be lower.
		return MetaStep{Action: MetaAddLearner, Nodes: p.candidates(missing, slices.Concat(p.group.Voters, p.group.Learners), func(n Node) bool {
			return p.free(n) && !slices.Contains(p.group.Learners, n.ID)
		})}
	}
	behind := slices.DeleteFunc(slices.Clone(learners), caughtUp)
	if len(behind) > 0 {
		return MetaStep{Action: MetaAwaitCatchUp, Nodes: behind}
	}
	return MetaStep{Action: MetaPromote, Nodes: learners}
}

// free tells whether a node has no vote yet.
func (p *metaPlan) free(n Node) bool { return !slices.Contains(p.group.Voters, n.ID) }

// countForMeta is how many nodes the size of the meta group goes by. A node that is dead and no voter may never come
// back, such as one whose folder was wiped: it does not count. Nor does one that is to leave, once it has given up its replicas: before,
// its leaving may come to nothing, and the group would have become smaller for that.
func countForMeta(nodes []Node, voters []string) int {
	count := 0
	for _, n := range nodes {
		if (!n.Draining || n.Holding) && (n.Alive || slices.Contains(voters, n.ID)) {
			count++
		}
	}
	return count
}

// candidates chooses up to count alive nodes that are to stay, those of zones with few of the others first.
func (p *metaPlan) candidates(count int, others []string, eligible func(Node) bool) []string {
	zoneVoters := map[string]int{}
	for _, n := range p.nodes {
		if !n.Leaving() && slices.Contains(others, n.ID) {
			zoneVoters[n.Zone]++
		}
	}
	pool := slices.DeleteFunc(slices.Clone(p.nodes), func(n Node) bool { return !n.Alive || n.Leaving() || !eligible(n) })
	var chosen []string
	for len(chosen) < count && len(pool) > 0 {
		best := slices.MinFunc(pool, func(a, b Node) int {
			return cmp.Or(cmp.Compare(zoneVoters[a.Zone], zoneVoters[b.Zone]), cmp.Compare(a.ID, b.ID))
		})
		chosen = append(chosen, best.ID)
		zoneVoters[best.Zone]++
		pool = slices.DeleteFunc(pool, func(n Node) bool { return n.ID == best.ID })
	}
	return chosen
}
