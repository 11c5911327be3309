package transport

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// Real hashicorp/raft over loopback: election, replication in byte-bounded requests, a planned transfer, a
// snapshot for an empty replica that replaces a lost one, and the transport's own view of all that.
func TestThreeNodeGroupElectsReplicatesTransfersAndInstallsSnapshots(t *testing.T) {
	n, nodes := threeNodes(t)
	rs := n.startGroup(1, nodes)
	leader, r := rs.leader(t)
	rs.write(t, "first")

	var futures []raft.ApplyFuture
	for i := range 200 { // of 500 bytes: many requests need to be shortened to 4 KiB
		futures = append(futures, r.Apply(fmt.Appendf(nil, "%0500d", i), 5*time.Second))
	}
	for _, f := range futures {
		if err := f.Error(); err != nil {
			t.Fatal(err)
		}
	}
	rs.wantEverywhere(t, fmt.Sprintf("%0500d", 199))
	for node := range nodes {
		if node != leader {
			eventually(t, "match index of "+node, func() bool { return r.group.MatchIndex(node) == r.LastIndex() })
		}
	}
	if got := nodes[leader].Stats(); got.Shortened == 0 {
		t.Error("no request was shortened to the byte budget")
	}

	if err := r.LeadershipTransfer().Error(); err != nil {
		t.Fatalf("transfer: %v", err)
	}
	eventually(t, "another leader", func() bool { now, _ := rs.leader(t); return now != leader })
	rs.write(t, "after the transfer")
	rs.wantEverywhere(t, "after the transfer")

	now, r := rs.leader(t)
	var lost string
	for node := range nodes {
		if node != now {
			lost = node
		}
	}
	rs[lost].stop(t)
	delete(rs, lost)
	rs.write(t, "x", "y", "z")
	if err := r.Snapshot().Error(); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	rs.write(t, "after the snapshot")
	rs[lost] = newReplica()
	rs[lost].run(t, nodes[lost].Transport, 1)
	rs.wantEverywhere(t, "after the snapshot")
	if got := nodes[lost].Stats().SnapshotsReceived; got == 0 {
		t.Error("the empty replica caught up without a snapshot")
	}
	if got, want := rs[lost].fsm.list(), r.fsm.list(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the new replica's FSM has %d commands, the leader's %d, or others", len(got), len(want))
	}
}

// A replica that was cut off does not raise the term when it comes back: pre-vote works across the wire.
func TestReturningReplicaAsksBeforeItCampaigns(t *testing.T) {
	n, nodes := threeNodes(t)
	rs := n.startGroup(1, nodes)
	leader, r := rs.leader(t)
	rs.write(t, "first")
	rs.wantEverywhere(t, "first")
	term := r.CurrentTerm()
	var cutOff string
	for node := range nodes {
		if node != leader {
			cutOff = node
		}
	}
	n.mu.Lock() // its own calls find nobody, and the others can't reach it
	addrs := n.addrs
	n.addrs = map[string]string{}
	n.mu.Unlock()
	for node := range nodes {
		if node != cutOff {
			nodes[cutOff].Forget(node)
			nodes[node].Forget(cutOff)
		}
	}
	candidate := rs[cutOff]
	eventually(t, "the replica misses its leader", func() bool { return candidate.State() == raft.Candidate })
	n.mu.Lock()
	n.addrs = addrs
	n.mu.Unlock()
	eventually(t, "the replica follows again", func() bool {
		_, id := candidate.LeaderWithID()
		return candidate.State() == raft.Follower && id == raft.ServerID(leader)
	})
	rs.write(t, "second")
	rs.wantEverywhere(t, "second")
	if now := r.CurrentTerm(); now != term {
		t.Errorf("term rose from %d to %d", term, now)
	}
}

// 16 groups on three nodes: two connections per ordered pair of nodes carry all of them.
func TestManyGroupsShareTwoConnectionsPerPairOfNodes(t *testing.T) {
	n, nodes := threeNodes(t)
	var groups []testGroup
	for id := range GroupID(testGroups) {
		groups = append(groups, n.startGroup(id+1, nodes))
	}
	for i, rs := range groups {
		rs.write(t, fmt.Sprintf("for group %d", i))
	}
	for i, rs := range groups {
		rs.wantEverywhere(t, fmt.Sprintf("for group %d", i))
	}
	for id, node := range nodes {
		got := node.Stats()
		if got.ConnsOutOpen > 4 || got.ConnsInOpen > 4 || got.Connects > 4 || node.accepted.Load() > 4 {
			t.Errorf("node %s: %d connections out and %d in, %d dialed and %d accepted ever; want at most 4 of each",
				id, got.ConnsOutOpen, got.ConnsInOpen, got.Connects, node.accepted.Load())
		}
		if got.NotClampedRefused+got.BadConns+got.QueueFull+got.ConsumerFull != 0 {
			t.Errorf("node %s: %+v", id, got)
		}
	}
}

// A node dies and another process takes its place: the groups go on, and the new process is reached.
func TestGroupLivesThroughTheRestartOfANode(t *testing.T) {
	n, nodes := threeNodes(t)
	rs := n.startGroup(1, nodes)
	rs.write(t, "first")
	rs.wantEverywhere(t, "first")
	leader, r := rs.leader(t)
	dead := rs[leader]
	r.stop(t)
	nodes[leader].stop(t)
	delete(rs, leader)
	rs.write(t, "without it")
	back := &replica{fsm: &listFSM{}, logs: dead.logs, snaps: dead.snaps}
	back.run(t, n.start(leader).Transport, 1)
	rs[leader] = back
	rs.wantEverywhere(t, "without it")
}
