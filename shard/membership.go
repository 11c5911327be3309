package shard

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
	configuration, index, err := m.configuration()
	if err != nil {
		m.cfg.Logger.Warn("the configuration of a shard could not be read; its members are taken for unknown", "shard", m.cfg.Group, "err", err)
		return Members{}
	}
	members := Members{Index: index}
	for _, s := range configuration.Servers {
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

// configuration returns the latest configuration and its index from where raft reads them: newest snapshot, then log.
// raft.GetConfiguration tells no index (it is 0 in hashicorp/raft 1.8.0), and a change with index 0 has no condition.
func (m *member) configuration() (raft.Configuration, uint64, error) {
	var configuration raft.Configuration
	var index uint64
	snapshots, err := m.storage.Snapshots.List()
	if err != nil {
		return configuration, 0, err
	}
	if len(snapshots) > 0 {
		configuration, index = snapshots[0].Configuration, snapshots[0].ConfigurationIndex
	}
	last := m.configuredAt.Load()
	below := last
	if last == 0 {
		below = math.MaxUint64 // nothing was appended yet: look at the whole log once
	}
	entry, err := m.configurationEntry(below)
	if err != nil {
		return configuration, 0, err
	}
	if entry != nil && entry.Index > index {
		configuration, index = raft.DecodeConfiguration(entry.Data), entry.Index
	}
	m.configuredAt.CompareAndSwap(0, index)
	return configuration, index, nil
}

// configurationEntry finds the last configuration entry at or below an index, nil if the log has none.
func (m *member) configurationEntry(below uint64) (*raft.Log, error) {
	first, err := m.storage.Log.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := m.storage.Log.LastIndex()
	if err != nil {
		return nil, err
	}
	for index := min(below, last); index >= max(first, 1); index-- {
		var entry raft.Log
		switch err := m.storage.Log.GetLog(index, &entry); {
		case errors.Is(err, raft.ErrLogNotFound):
			return nil, nil // compacted meanwhile
		case err != nil:
			return nil, err
		case entry.Type == raft.LogConfiguration:
			return &entry, nil
		}
	}
	return nil, nil
}

// isLearner tells whether a node is a learner by the latest configuration.
func (m *member) isLearner(node string) bool { return slices.Contains(m.Members().Learners, node) }

// lastLogged is the last index of the log; 0 where it cannot be read.
func (m *member) lastLogged() uint64 {
	last, err := m.storage.Log.LastIndex()
	if err != nil {
		return 0
	}
	return last
}

// caughtUpEntries is how far behind a node may be and count as caught up: what one round of messages brings.
const caughtUpEntries = 16

// appliedEntries is the same for what it has applied, which it tells with its answers: one that keeps up learns what is committed
// by the next message, and tells by the one after.
const appliedEntries = 64

// CaughtUp tells, on the leader, whether a node holds all of the log and has applied it, but for what is on its way. A node that
// has just started holds its log and has applied none of it: whoever made it the leader would wait.
func (m *member) CaughtUp(node string) bool {
	if _, leads := m.Leader(); !leads {
		return false
	}
	if node == m.cfg.Node {
		return true
	}
	match := m.cfg.Wire.MatchIndex(node)
	return match > 0 && match+caughtUpEntries >= m.raft.LastIndex() && m.cfg.Wire.AppliedIndex(node)+appliedEntries >= m.applied()
}

// Warm tells whether this replica has heard a leader since it was opened, or leads, and has applied its log but for what is on its
// way.
func (m *member) Warm() bool {
	_, leads := m.Leader()
	return (leads || !m.raft.LastContact().IsZero()) && m.applied()+appliedEntries >= m.raft.LastIndex()
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

// handOver asks raft to make another node the leader.
func (m *member) handOver(to string) func() raft.Future {
	return func() raft.Future {
		return m.raft.LeadershipTransferToServer(raft.ServerID(to), raft.ServerAddress(to))
	}
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
