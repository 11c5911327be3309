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
)

// MetaStep is the next step in the growth of the meta group.
type MetaStep struct {
	Action MetaAction
	// Nodes are those to be added, awaited or promoted, in this order.
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

// PlanMeta tells how the meta group grows. It goes from one odd number of voters to the next, as learners that have all
// caught up before the first is promoted: the even number between tolerates no more than the odd one before, at two
// voters nothing at all. nodes are the registered ones.
func PlanMeta(nodes []Node, group Members, caughtUp func(node string) bool) MetaStep {
	voters := len(group.Voters)
	zoneVoters := map[string]int{}
	for _, n := range nodes {
		if slices.Contains(group.Voters, n.ID) {
			zoneVoters[n.Zone]++
		}
	}
	step := MetaStep{Action: MetaDone, Target: MetaTarget(countForMeta(nodes, group.Voters))}
	if voters >= step.Target {
		return step
	}
	need := 1 + voters%2
	learners := candidates(nodes, zoneVoters, need, func(n Node) bool { return slices.Contains(group.Learners, n.ID) })
	if missing := need - len(learners); missing > 0 {
		// Alive nodes suffice, or the target would be lower.
		step.Action = MetaAddLearner
		step.Nodes = candidates(nodes, zoneVoters, missing, func(n Node) bool {
			return !slices.Contains(group.Learners, n.ID) && !slices.Contains(group.Voters, n.ID)
		})
		return step
	}
	step.Action, step.Nodes = MetaPromote, learners
	behind := slices.DeleteFunc(slices.Clone(learners), caughtUp)
	if len(behind) > 0 {
		step.Action, step.Nodes = MetaAwaitCatchUp, behind
	}
	return step
}

// countForMeta is how many nodes the size of the meta group goes by. A node that is dead and no voter may never come
// back, such as one whose folder was wiped: it does not count.
func countForMeta(nodes []Node, voters []string) int {
	count := 0
	for _, n := range nodes {
		if n.Alive || slices.Contains(voters, n.ID) {
			count++
		}
	}
	return count
}

// candidates chooses up to count alive nodes, those of zones with few voters first. It counts what it chooses.
func candidates(nodes []Node, zoneVoters map[string]int, count int, eligible func(Node) bool) []string {
	pool := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return !n.Alive || !eligible(n) })
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
