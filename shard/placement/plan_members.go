package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// ChangeKind is a way to change who belongs to a group. The zero value means "not set".
type ChangeKind uint8

const (
	// AddLearner adds a node without a vote.
	AddLearner ChangeKind = iota + 1
	// Promote makes a learner that has caught up a voter.
	Promote
	// Remove takes a node out.
	Remove
	// RemoveSilent takes a node out that is gone; it is refused where the node answers.
	RemoveSilent
)

func (k ChangeKind) String() string {
	return map[ChangeKind]string{AddLearner: "add learner", Promote: "promote", Remove: "remove", RemoveSilent: "remove silent"}[k]
}

// MemberChange is one change of a group's members.
type MemberChange struct {
	Kind ChangeKind
	Node string
	// Index is that of the configuration that the change is planned on.
	Index uint64
}

// Group is what the leader of a shard says of its group.
type Group struct {
	Leader string
	Term   uint64
	// Serving: it is ready; one that is not yet does not know enough to answer for its group.
	Serving bool
	Members Members
	// CaughtUp are the members that hold the log but for what is on its way.
	CaughtUp []string
}

// ShardAction is what to do next about a shard's replicas. The zero value means "not set".
type ShardAction uint8

const (
	// ShardDone means that all is where it belongs.
	ShardDone ShardAction = iota + 1
	// ShardAwait means to wait.
	ShardAwait
	// ShardName means to add Node to the replicas in the meta group's state, ShardUnname to take it out.
	ShardName
	ShardUnname
	// ShardPrefer means to make Node the preferred leader.
	ShardPrefer
	// ShardChange means to make Change in the group.
	ShardChange
	// ShardTransfer means to hand the leadership to Node.
	ShardTransfer
)

// ShardStep is the next step towards where a shard's replicas belong.
type ShardStep struct {
	Action ShardAction
	Node   string
	Change MemberChange
	// Waiting says what is under way.
	Waiting string
}

// ShardSituation is what the next step about a shard follows from.
type ShardSituation struct {
	// Replicas and Preferred are those of the meta group's state.
	Replicas  []string
	Preferred string
	// Final are the nodes that should hold a replica.
	Final []string
	Group Group
	// Alive tells whether a node answers, Gone whether it has been silent for so long that it counts as dead.
	Alive, Gone func(node string) bool
	// Prefers is how many shards prefer a node.
	Prefers func(node string) int
}

// NextStep tells what to do next about a shard's replicas. A replica that comes is named in the meta group's state, becomes a
// learner, catches up, and gets its vote; one that goes gives up its leadership, then its vote, and is unnamed last. One
// vote comes or goes at a time, so that two majorities in a row always share a member; and votes that are to become more
// come in pairs, since an even number of voters tolerates no more deaths than the odd one before, and two voters none.
func NextStep(s ShardSituation) ShardStep {
	if !s.Group.Serving {
		return ShardStep{Action: ShardAwait, Waiting: "waiting for its leader to serve"}
	}
	for _, next := range []func(*ShardSituation) (ShardStep, bool){
		(*ShardSituation).prefer, (*ShardSituation).name, (*ShardSituation).learn, (*ShardSituation).promote,
		(*ShardSituation).remove, (*ShardSituation).drop, (*ShardSituation).unname,
	} {
		if step, ok := next(&s); ok {
			return step
		}
	}
	return ShardStep{Action: ShardDone}
}

func (s *ShardSituation) voter(node string) bool {
	return slices.Contains(s.Group.Members.Voters, node)
}
func (s *ShardSituation) learner(node string) bool {
	return slices.Contains(s.Group.Members.Learners, node)
}
func (s *ShardSituation) final(node string) bool    { return slices.Contains(s.Final, node) }
func (s *ShardSituation) caughtUp(node string) bool { return slices.Contains(s.Group.CaughtUp, node) }

// prefer has another leader preferred where the preferred one is to go, as soon as there is one.
func (s *ShardSituation) prefer() (ShardStep, bool) {
	if s.final(s.Preferred) {
		return ShardStep{}, false
	}
	able := s.pick(func(id string) bool { return s.voter(id) && s.Alive(id) })
	if len(able) == 0 {
		return ShardStep{}, false
	}
	to := slices.MinFunc(able, func(a, b string) int { return cmp.Or(cmp.Compare(s.Prefers(a), s.Prefers(b)), cmp.Compare(a, b)) })
	return ShardStep{Action: ShardPrefer, Node: to, Waiting: "preferring " + to + " as leader"}, true
}

// pick are the final nodes that a function chooses and the state names.
func (s *ShardSituation) pick(choose func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(s.Final), func(id string) bool { return !slices.Contains(s.Replicas, id) || !choose(id) })
}

func (s *ShardSituation) name() (ShardStep, bool) {
	for _, id := range s.Final {
		if !slices.Contains(s.Replicas, id) {
			return ShardStep{Action: ShardName, Node: id, Waiting: "giving " + id + " a replica"}, true
		}
	}
	return ShardStep{}, false
}

func (s *ShardSituation) learn() (ShardStep, bool) {
	for _, id := range s.Final {
		switch {
		case s.voter(id) || s.learner(id):
		case !s.Alive(id):
			return ShardStep{Action: ShardAwait, Waiting: "waiting for " + id + " to answer"}, true
		default:
			return s.change(AddLearner, id), true
		}
	}
	return ShardStep{}, false
}

func (s *ShardSituation) change(kind ChangeKind, node string) ShardStep {
	return ShardStep{
		Action: ShardChange, Change: MemberChange{Kind: kind, Node: node, Index: s.Group.Members.Index},
		Waiting: fmt.Sprintf("%s %s", kind, node),
	}
}

// promote gives learners their votes while there are not too many voters.
func (s *ShardSituation) promote() (ShardStep, bool) {
	voters := len(s.Group.Members.Voters)
	coming := s.pick(s.learner)
	if len(coming) == 0 || voters > len(s.Final) {
		return ShardStep{}, false
	}
	need := 1
	if len(s.leaving()) == 0 && voters%2 == 1 {
		need = min(2, len(s.Final)-voters)
	}
	ready := slices.DeleteFunc(slices.Clone(coming), func(id string) bool { return !s.caughtUp(id) })
	if len(ready) < need {
		behind := slices.DeleteFunc(coming, s.caughtUp)
		return ShardStep{Action: ShardAwait, Node: behind[0], Waiting: "waiting for " + behind[0] + " to catch up"}, true
	}
	return s.change(Promote, ready[0]), true
}

// leaving are the voters that are to go, those first that are gone, the leader last.
func (s *ShardSituation) leaving() []string {
	leaving := slices.DeleteFunc(slices.Clone(s.Group.Members.Voters), s.final)
	slices.SortStableFunc(leaving, func(a, b string) int {
		return cmp.Or(-compareBool(s.Gone(a), s.Gone(b)), compareBool(a == s.Group.Leader, b == s.Group.Leader))
	})
	return leaving
}

// remove takes the vote of one that is to go, once all that are to stay have theirs or there is one vote too many.
func (s *ShardSituation) remove() (ShardStep, bool) {
	leaving := s.leaving()
	if len(leaving) == 0 {
		return ShardStep{}, false
	}
	out := leaving[0]
	if out != s.Group.Leader {
		kind := Remove
		if s.Gone(out) {
			kind = RemoveSilent
		}
		return s.change(kind, out), true
	}
	able := s.pick(func(id string) bool { return s.voter(id) && s.Alive(id) && s.caughtUp(id) })
	if len(able) == 0 {
		return ShardStep{Action: ShardAwait, Waiting: "waiting for a replica that can take over from " + out}, true
	}
	to := able[0]
	if slices.Contains(able, s.Preferred) {
		to = s.Preferred
	}
	return ShardStep{Action: ShardTransfer, Node: to, Waiting: "handing the leadership to " + to}, true
}

// drop takes out learners that are not to be voters.
func (s *ShardSituation) drop() (ShardStep, bool) {
	for _, id := range s.Group.Members.Learners {
		if !s.final(id) {
			return s.change(Remove, id), true
		}
	}
	return ShardStep{}, false
}

// unname takes nodes out of the state that belong to the group no more.
func (s *ShardSituation) unname() (ShardStep, bool) {
	for _, id := range s.Replicas {
		if !s.final(id) && !s.voter(id) && !s.learner(id) {
			return ShardStep{Action: ShardUnname, Node: id, Waiting: "taking the replica from " + id}, true
		}
	}
	return ShardStep{}, false
}
