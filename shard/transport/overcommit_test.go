package transport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

var errCut = errors.New("network is cut")

// cutGroup drops every call that crosses the cut around node old.
type cutGroup struct {
	*Group
	cut *atomic.Bool
}

func (c *cutGroup) blocked(to raft.ServerID) bool {
	return c.cut.Load() && (to == "old" || c.t.cfg.NodeID == "old")
}

func (c *cutGroup) AppendEntries(to raft.ServerID, addr raft.ServerAddress, q *raft.AppendEntriesRequest, p *raft.AppendEntriesResponse) error {
	if c.blocked(to) {
		return errCut
	}
	return c.Group.AppendEntries(to, addr, q, p)
}

func (c *cutGroup) RequestVote(to raft.ServerID, addr raft.ServerAddress, q *raft.RequestVoteRequest, p *raft.RequestVoteResponse) error {
	if c.blocked(to) {
		return errCut
	}
	return c.Group.RequestVote(to, addr, q, p)
}

func (c *cutGroup) RequestPreVote(to raft.ServerID, addr raft.ServerAddress, q *raft.RequestPreVoteRequest, p *raft.RequestPreVoteResponse) error {
	if c.blocked(to) {
		return errCut
	}
	return c.Group.RequestPreVote(to, addr, q, p)
}

// slowNoopStore takes its time, once, over the entry with which a leader begins its term.
type slowNoopStore struct {
	*raft.InmemStore
	delay *atomic.Int64 // shared: the leader stores the entry first and takes the delay
}

func (s *slowNoopStore) StoreLogs(logs []*raft.Log) error {
	if logs[0].Type == raft.LogNoop {
		time.Sleep(time.Duration(s.delay.Swap(0)))
	}
	return s.InmemStore.StoreLogs(logs)
}

func (s *slowNoopStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// PROTOCOL rule 0 from end to end: leader "old" is cut off with four entries that nobody else has. A new
// leader is slow to write its no-op, commits five commands, and the network heals while its replication to old
// pauses after failures. The first request that then reaches old ends where the common log ends, but names
// a commit index five entries further.
//
// Broken on purpose: with clampCommit returning args.LeaderCommitIndex the test fails because old had to refuse
// requests (checkClamped). With checkClamped returning nil as well, old applies "unacked-0" to "unacked-3" and
// lacks "acked-0" to "acked-2", in each of ten runs tried.
func TestReturningLeaderAppliesOnlyWhatWasCommitted(t *testing.T) {
	for range 5 {
		synctest.Test(t, returningLeader)
	}
}

func returningLeader(t *testing.T) {
	cut, delay := &atomic.Bool{}, &atomic.Int64{}
	net := newPipeNet()
	heartbeat := map[string]time.Duration{"old": 150 * time.Millisecond, "b": 400 * time.Millisecond, "c": 700 * time.Millisecond}
	transports, rafts, fsms := map[string]*Transport{}, map[string]*raft.Raft{}, map[string]*listFSM{}
	for node, timeout := range heartbeat {
		transports[node] = net.start(t, node)
		trans := &cutGroup{group(t, transports[node], 1), cut}
		store, fsm, snaps := &slowNoopStore{raft.NewInmemStore(), delay}, &listFSM{}, raft.NewInmemSnapshotStore()
		c := raftConfig(node)
		c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = timeout, timeout, timeout
		c.CommitTimeout = 50 * time.Millisecond
		if err := raft.BootstrapCluster(c, store, store, snaps, trans, configuration("old", "b", "c")); err != nil {
			t.Fatal(err)
		}
		r, err := raft.NewRaft(c, fsm, store, store, snaps, trans)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			down := r.Shutdown()
			_ = trans.Close() // always nil
			if err := down.Error(); err != nil {
				t.Errorf("shutdown of %s: %v", node, err)
			}
		}()
		rafts[node], fsms[node] = r, fsm
	}
	eventually(t, "old leads", func() bool { return rafts["old"].State() == raft.Leader })
	if err := rafts["old"].Apply([]byte("common"), 0).Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everybody has the common entry", func() bool {
		return len(fsms["b"].list()) == 1 && len(fsms["c"].list()) == 1
	})

	cut.Store(true)
	delay.Store(int64(1500 * time.Millisecond))
	var unacked []raft.ApplyFuture
	for i := range 4 {
		unacked = append(unacked, rafts["old"].Apply(fmt.Appendf(nil, "unacked-%d", i), 0))
	}
	for _, f := range unacked {
		if err := f.Error(); err == nil {
			t.Fatal("a leader that is cut off committed")
		}
	}
	var leader *raft.Raft
	eventually(t, "a new leader", func() bool {
		for _, node := range []string{"b", "c"} {
			if rafts[node].State() == raft.Leader {
				leader = rafts[node]
			}
		}
		return leader != nil
	})
	var acked []raft.ApplyFuture
	for i := range 5 {
		acked = append(acked, leader.Apply(fmt.Appendf(nil, "acked-%d", i), 0))
	}
	for _, f := range acked {
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
	}
	cut.Store(false)

	want := []string{"common", "acked-0", "acked-1", "acked-2", "acked-3", "acked-4"}
	eventually(t, "old has what was acknowledged", func() bool {
		got := fsms["old"].list()
		if slices.ContainsFunc(got, func(cmd string) bool { return strings.HasPrefix(cmd, "unacked") }) {
			t.Fatalf("old applied what was never committed: %q", got)
		}
		return slices.Equal(got, want)
	})
	for node, tr := range transports {
		if got := tr.Stats().NotClampedRefused; got != 0 {
			t.Errorf("%s was sent %d requests whose commit index was not clamped", node, got)
		}
	}
}
