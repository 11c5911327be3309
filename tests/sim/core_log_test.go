package sim

import (
	"bytes"
	"io"

	"github.com/holtcache/holt/shard/executor"
)

// The abstract Raft: elections with separate votes, one log a node, commitment by figure 8's rule. It goes as far as
// hashicorp/raft does: proposals wait in a queue that outlives a step-down, are refused during a transfer, and those in
// the log are answered with an error at step-down although they may still commit.

func (n *coreNode) last() (index, term int) {
	if len(n.log) == 0 {
		return 0, 0
	}
	return len(n.log), n.log[len(n.log)-1].term
}

func (w *coreWorld) linked(a, b int) bool { return w.cut == 0 || a+1 != w.cut && b+1 != w.cut }

func (w *coreWorld) stepDown(n *coreNode) {
	if n.role == coreLeader {
		for _, p := range n.appended {
			p.answer <- errCoreLost
		}
		n.appended = nil
		n.transfer = false
	}
	n.role = coreFollower
}

func (w *coreWorld) campaign(i int) {
	n := w.nodes[i]
	w.stepDown(n)
	n.term++
	n.role = coreCandidate
	n.voteTerm, n.voteFor = n.term, i
	n.votes = 1 << i
}

func (w *coreWorld) vote(candidate, voter int) {
	a, b := w.nodes[candidate], w.nodes[voter]
	if a.role != coreCandidate || candidate == voter || !w.linked(candidate, voter) {
		return
	}
	if a.term > b.term {
		w.stepDown(b)
		b.term = a.term
	}
	if b.term != a.term || b.role != coreFollower || b.voteTerm == a.term && b.voteFor != candidate {
		return
	}
	bi, bt := b.last()
	ai, at := a.last()
	if bt > at || bt == at && bi > ai {
		return
	}
	b.voteTerm, b.voteFor = a.term, candidate
	if w.r.IntN(5) > 0 {
		a.votes |= 1 << voter
	}
}

func (w *coreWorld) win(i int) {
	n := w.nodes[i]
	count := 0
	for b := range coreNodes {
		count += n.votes >> b & 1
	}
	if n.role != coreCandidate || count <= coreNodes/2 {
		return
	}
	n.role, n.transfer = coreLeader, false
	w.stat.elections++
	n.match = [coreNodes]int{}
	n.append(coreEntry{term: n.term})
}

// append writes one entry of a leader.
func (n *coreNode) append(e coreEntry) {
	n.log = append(n.log, e)
	n.match[n.id] = len(n.log)
	n.exec.Appended(uint64(len(n.log)), e.data)
}

// elect lets a node win an election with the vote of another.
func (w *coreWorld) elect(candidate, voter int) {
	w.campaign(candidate)
	for range 50 {
		w.vote(candidate, voter)
		if w.win(candidate); w.nodes[candidate].role == coreLeader {
			return
		}
	}
}

func (w *coreWorld) replicate(leader, follower int) {
	a, b := w.nodes[leader], w.nodes[follower]
	if a.role != coreLeader || leader == follower || !w.linked(leader, follower) {
		return
	}
	if b.term > a.term {
		if w.r.IntN(2) == 0 {
			w.stepDown(a)
			a.term = b.term
		}
		return
	}
	if a.term > b.term || b.role != coreFollower {
		w.stepDown(b)
		b.term = a.term
	}
	from := a.match[follower]
	upTo := from + w.r.IntN(len(a.log)-from+1)
	for i := range upTo {
		if i < len(b.log) && b.log[i].term != a.log[i].term {
			if i < b.commit {
				w.fail("the model of Raft truncates a committed entry")
			}
			b.log = b.log[:i:i]
		}
		if i >= len(b.log) {
			b.log = append(b.log, a.log[i])
			b.exec.Appended(uint64(i+1), a.log[i].data)
		}
	}
	b.commit = max(b.commit, min(a.commit, upTo))
	if w.r.IntN(5) > 0 {
		a.match[follower] = max(a.match[follower], upTo)
	}
}

// advance moves the commit index of a leader.
func (w *coreWorld) advance(i int) {
	n := w.nodes[i]
	if n.role != coreLeader {
		return
	}
	for index := len(n.log); index > n.commit && n.log[index-1].term == n.term; index-- {
		count := 0
		for _, m := range n.match {
			if m >= index {
				count++
			}
		}
		if count > coreNodes/2 {
			n.commit = index
			return
		}
	}
}

// takeProposal lets raft's main loop take one proposal from its queue.
func (w *coreWorld) takeProposal(i int) {
	n := w.nodes[i]
	if len(n.applyCh) == 0 {
		return
	}
	p := n.applyCh[0]
	n.applyCh = n.applyCh[1:]
	if n.role != coreLeader || n.transfer {
		w.stat.refused++
		p.answer <- executor.ErrRefused
		return
	}
	p.index = len(n.log) + 1
	n.appended = append(n.appended, p)
	n.append(coreEntry{term: n.term, data: p.record})
}

// install sends a leader's snapshot to a replica that lacks what it covers.
func (w *coreWorld) install(leader, follower int) {
	a, b := w.nodes[leader], w.nodes[follower]
	if a.role != coreLeader || leader == follower || !w.linked(leader, follower) || b.term > a.term || a.applying || b.applying || b.commit >= a.applied {
		return
	}
	if b.exec.Stats().Batches > 0 {
		w.stat.installedOnLeaders++
	}
	w.stepDown(b)
	b.term = a.term
	w.stat.installed++
	if k := a.applied; len(b.log) <= k || b.log[k-1].term != a.log[k-1].term {
		b.log = append([]coreEntry(nil), a.log[:k]...)
	} else {
		copy(b.log, a.log[:k])
	}
	b.snapshot, b.snapshotIndex = a.takeSnapshot(), a.applied
	b.commit, b.applied = a.applied, a.applied
	if err := b.fsm.Restore(io.NopCloser(bytes.NewReader(b.snapshot))); err != nil {
		w.fail("node %d: %v", b.id, err)
	}
	w.wait()
}
