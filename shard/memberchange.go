package shard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/apierr"
)

// membershipTimeout bounds how long a change of members waits for its place in the log.
const membershipTimeout = 5 * time.Second

// AddLearner adds a node that receives the log and has no vote. It is refused where the latest configuration is not the
// one at index.
func (m *member) AddLearner(ctx context.Context, node string, index uint64) error {
	members := m.Members()
	if slices.Contains(members.Learners, node) || slices.Contains(members.Voters, node) {
		return nil
	}
	// What the node has acknowledged as a member of before, in this very term perhaps, was deleted when it left.
	m.wire.ForgetMatch(node)
	return m.change(ctx, "add learner "+node, index, func() raft.Future {
		return m.raft.AddNonvoter(raft.ServerID(node), raft.ServerAddress(node), index, membershipTimeout)
	})
}

// Promote makes a learner that has caught up a voter, on the same condition. It is refused where a quorum that counts the
// learner does not answer now: the group would stop with the change.
func (m *member) Promote(ctx context.Context, node string, index uint64) error {
	members := m.Members()
	if slices.Contains(members.Voters, node) {
		return nil
	}
	what := "promote " + node
	if !slices.Contains(members.Learners, node) {
		return m.refuse(apierr.KindInvalid, what, "it is no learner of the group")
	}
	if !m.CaughtUp(node) {
		return m.refuse(apierr.KindTryAgain, what, "it has not caught up with the log")
	}
	if err := m.checkQuorum(ctx, what, append(slices.Clone(members.Voters), node), node); err != nil {
		return err
	}
	if !m.CaughtUp(node) {
		return m.refuse(apierr.KindTryAgain, what, "it has not kept up with the log")
	}
	return m.change(ctx, what, index, func() raft.Future {
		return m.raft.AddVoter(raft.ServerID(node), raft.ServerAddress(node), index, membershipTimeout)
	})
}

// Remove takes a voter or a learner out of the group, on the same condition. A leader does not take out itself: it hands its
// leadership over first. It is refused where no quorum of the voters that are left answers now.
func (m *member) Remove(ctx context.Context, node string, index uint64) error {
	members := m.Members()
	what := "remove " + node
	if slices.Contains(members.Voters, node) {
		if node == m.cfg.Node {
			return m.refuse(apierr.KindInvalid, what, "it leads the group; hand the leadership over first")
		}
		left := slices.DeleteFunc(slices.Clone(members.Voters), func(id string) bool { return id == node })
		if err := m.checkQuorum(ctx, what, left); err != nil {
			return err
		}
	} else if !slices.Contains(members.Learners, node) {
		return nil
	}
	return m.change(ctx, what, index, func() raft.Future {
		return m.raft.RemoveServer(raft.ServerID(node), index, membershipTimeout)
	})
}

// RemoveSilent is Remove for a node that is taken for dead: it is refused where the node answers.
func (m *member) RemoveSilent(ctx context.Context, node string, index uint64) error {
	if len(m.answering(ctx, []string{node})) > 0 {
		return m.refuse(apierr.KindTryAgain, "remove "+node, "it answers, so it is not dead")
	}
	return m.Remove(ctx, node, index)
}

// change refuses index 0: raft takes it for "whatever the configuration is".
func (m *member) change(ctx context.Context, what string, index uint64, ask func() raft.Future) error {
	if index == 0 {
		return m.refuse(apierr.KindInvalid, what, "the configuration that the change is planned on is not known")
	}
	if err := m.ask(ctx, ask); err != nil {
		return fmt.Errorf("shard %d: %s: %w", m.cfg.Group, what, err)
	}
	return nil
}

// refuse is the error of a change that was not asked of raft.
func (m *member) refuse(kind apierr.Kind, what, why string) error {
	return apierr.New(kind, "shard %d: %s: %s; nothing was changed", m.cfg.Group, what, why)
}

// checkQuorum refuses a change behind which no quorum of the voters would answer, or not all that must.
func (m *member) checkQuorum(ctx context.Context, what string, voters []string, must ...string) error {
	answering := m.answering(ctx, voters)
	for _, node := range must {
		if !slices.Contains(answering, node) {
			return m.refuse(apierr.KindTryAgain, what, "it does not answer")
		}
	}
	if need := len(voters)/2 + 1; len(answering) < need {
		return m.refuse(apierr.KindTryAgain, what, fmt.Sprintf("of the voters %v that there would be only %v answer", voters, answering))
	}
	return nil
}

// answering asks nodes whether they follow this leader, and returns those that answer within an election timeout that they
// do, itself included.
func (m *member) answering(ctx context.Context, nodes []string) []string {
	term, leads := m.Leader()
	if !leads {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timings.Election)
	defer cancel()
	others := slices.DeleteFunc(slices.Clone(nodes), func(id string) bool { return id == m.cfg.Node })
	answering := m.cfg.Confirmer.Ask(ctx, m.cfg.Group, term, others)
	if slices.Contains(nodes, m.cfg.Node) {
		answering = append(answering, m.cfg.Node)
	}
	return answering
}
