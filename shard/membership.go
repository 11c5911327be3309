package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// Members are the nodes of a group's latest configuration, sorted by id.
type Members struct {
	Voters, Learners []string
	// Index is that of the configuration in the log; changes are conditional on it.
	Index uint64
}

// Members returns the latest configuration as this replica knows it.
func (m *member) Members() Members {
	future := m.raft.GetConfiguration()
	if future.Error() != nil {
		return Members{}
	}
	members := Members{Index: future.Index()}
	for _, s := range future.Configuration().Servers {
		if s.Suffrage == raft.Voter {
			members.Voters = append(members.Voters, string(s.ID))
		} else {
			members.Learners = append(members.Learners, string(s.ID))
		}
	}
	slices.Sort(members.Voters)
	slices.Sort(members.Learners)
	return members
}

// membershipTimeout bounds how long a change of members waits for its place in the log.
const membershipTimeout = 5 * time.Second

// AddLearner adds a node that receives the log and has no vote. It is refused where the latest configuration is not the
// one at index.
func (m *member) AddLearner(ctx context.Context, node string, index uint64) error {
	members := m.Members()
	if slices.Contains(members.Learners, node) || slices.Contains(members.Voters, node) {
		return nil
	}
	return m.change(ctx, "add learner "+node, m.raft.AddNonvoter(raft.ServerID(node), raft.ServerAddress(node), index, membershipTimeout))
}

// Promote makes a learner that has caught up a voter, on the same condition.
func (m *member) Promote(ctx context.Context, node string, index uint64) error {
	members := m.Members()
	if slices.Contains(members.Voters, node) {
		return nil
	}
	if !m.CaughtUp(node) {
		return fmt.Errorf("shard %d: promote %s: it has not caught up with the log; try again", m.cfg.Group, node)
	}
	return m.change(ctx, "promote "+node, m.raft.AddVoter(raft.ServerID(node), raft.ServerAddress(node), index, membershipTimeout))
}

func (m *member) change(ctx context.Context, what string, future raft.Future) error {
	if err := await(ctx, future); err != nil {
		return fmt.Errorf("shard %d: %s: %w", m.cfg.Group, what, err)
	}
	return nil
}

// caughtUpEntries is how far behind a node may be and count as caught up: what one round of messages brings.
const caughtUpEntries = 16

// CaughtUp tells, on the leader, whether a node holds all of the log but what is on its way.
func (m *member) CaughtUp(node string) bool {
	if _, leads := m.Leader(); !leads {
		return false
	}
	if node == m.cfg.Node {
		return true
	}
	match := m.cfg.Wire.MatchIndex(node)
	return match > 0 && match+caughtUpEntries >= m.raft.LastIndex()
}

// Acknowledged is how many other voters hold the log up to index, as far as this leader knows.
func (m *member) Acknowledged(index uint64) int {
	if _, leads := m.Leader(); !leads {
		return 0
	}
	n := 0
	for _, node := range m.Members().Voters {
		if node != m.cfg.Node && m.cfg.Wire.MatchIndex(node) >= index {
			n++
		}
	}
	return n
}

// errNoTarget says that no other voter can take over.
var errNoTarget = errors.New("no other voter has caught up with the log")

// target is the node to hand leadership to: the one that was named, if it can take over, or the one that is furthest.
func (m *member) target(node string) (string, error) {
	voters := m.Members().Voters
	if node != "" {
		if node == m.cfg.Node {
			return "", fmt.Errorf("%s leads already", node)
		}
		if !slices.Contains(voters, node) {
			return "", fmt.Errorf("node %s is not a voter of shard %d; its voters are %v", node, m.cfg.Group, voters)
		}
		if !m.CaughtUp(node) {
			return "", fmt.Errorf("node %s has not caught up with the log of shard %d; try again", node, m.cfg.Group)
		}
		return node, nil
	}
	best, bestMatch := "", uint64(0)
	for _, other := range voters {
		if other == m.cfg.Node {
			continue
		}
		if match := m.cfg.Wire.MatchIndex(other); match > bestMatch && m.CaughtUp(other) {
			best, bestMatch = other, match
		}
	}
	if best == "" {
		return "", errNoTarget
	}
	return best, nil
}
