package transport

import (
	"cmp"
	"time"

	"github.com/hashicorp/raft"
)

// campaign is what a group knows of elections that are under way: whether its own replica stands, and who else does. It
// serves two ends that raft's own pace does not: a candidate that asked a moment too early asks again, and candidates that
// stand together do not take each other's votes. Pre-votes change no state and promise nothing, so asking more often and
// refusing are both always safe.
//
// Of candidates that stand together one has precedence. The others' pre-votes are withheld, theirs here and ours there, for at
// most claimFor after the two have met: one that has precedence and cannot win, because its own questions are lost,
// holds nobody up for longer.
type campaign struct {
	own    *raft.RequestPreVoteRequest // what this replica asks; nil while it does not stand
	asked  time.Time                   // when it last asked for a pre-vote or a vote
	rounds int                         // campaigns since raft last accepted an append
	rivals map[string]rival
}

// rival is another candidate, as its questions show it.
type rival struct {
	question    *raft.RequestPreVoteRequest
	first, last time.Time // first: of questions that followed each other
}

// askEvery is the pause before a refused pre-vote is asked for again, in the first campaign after a leader was heard. It doubles
// with each further campaign, until raft alone asks again: a replica that only its leader cannot reach would bother
// the others for nothing.
func (g *Group) askEvery() time.Duration { return g.t.cfg.RPCTimeout.Control / 15 }

// claimFor is for how long a candidate has precedence over another one. It covers a few questions and the votes.
func (g *Group) claimFor() time.Duration { return g.t.cfg.RPCTimeout.Control / 3 }

// askMax bounds one campaign: raft begins the next one after one to two election timeouts.
func (g *Group) askMax() time.Duration { return 2 * g.t.cfg.RPCTimeout.Control }

// stand notes that this replica stands for election, and returns the pause between its questions. Raft asks all voters by one and
// the same request, so another one is another campaign.
func (g *Group) stand(args *raft.RequestPreVoteRequest) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.campaign.own != args {
		g.campaign.own = args
		g.campaign.rounds = min(g.campaign.rounds+1, 10)
	}
	g.campaign.asked = time.Now()
	return g.askEvery() << (g.campaign.rounds - 1)
}

// stands notes that this replica asks again. It is false once the campaign has ended: by the next one, by a leader that was
// heard, or because this replica has been in the term that it is for.
func (g *Group) stands(args *raft.RequestPreVoteRequest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.campaign.own != args || g.term >= args.Term {
		return false
	}
	g.campaign.asked = time.Now()
	return true
}

// claim notes that this replica's campaign goes on: it asks for votes.
func (g *Group) claim() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.campaign.asked = time.Now()
}

// appended notes raft's answer to an append or heartbeat. Who follows a leader does not stand.
func (g *Group) appended(r *raft.AppendEntriesResponse) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sawTermLocked(r.Term)
	if r.Success {
		g.campaign = campaign{}
	}
}

// withhold turns raft's answer to another candidate into a refusal where this replica's own campaign has precedence. It looks
// after raft has answered: before, the own campaign might be about to begin.
func (g *Group) withhold(node string, question *raft.RequestPreVoteRequest, response any) {
	r, ok := response.(*raft.RequestPreVoteResponse)
	if ok && g.precedesRival(node, question) && r.Granted {
		r.Granted = false
		g.t.count.preVotesWithheld.Add(1)
	}
}

// precedesRival notes another candidate's question, and tells whether this replica's own campaign has precedence.
func (g *Group) precedesRival(node string, question *raft.RequestPreVoteRequest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	c := &g.campaign
	r, met := c.rivals[node]
	if !met || now.Sub(r.last) >= g.claimFor() {
		r.first = now
	}
	r.question, r.last = question, now
	if c.rivals == nil {
		c.rivals = map[string]rival{}
	}
	c.rivals[node] = r
	return c.own != nil && now.Sub(c.asked) < g.claimFor() && now.Sub(r.first) < g.claimFor() &&
		precedes(g.t.cfg.NodeID, c.own, node, question)
}

// yields tells whether another candidate's campaign has precedence over this replica's.
func (g *Group) yields(args *raft.RequestPreVoteRequest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for node, r := range g.campaign.rivals {
		if now.Sub(r.last) < g.claimFor() && now.Sub(r.first) < g.claimFor() && precedes(node, r.question, g.t.cfg.NodeID, args) {
			return true
		}
	}
	return false
}

// precedes orders candidates: by their logs first, since the one that is behind cannot have the other's vote.
func precedes(node string, q *raft.RequestPreVoteRequest, other string, p *raft.RequestPreVoteRequest) bool {
	return cmp.Or(
		cmp.Compare(q.LastLogTerm, p.LastLogTerm),
		cmp.Compare(q.LastLogIndex, p.LastLogIndex),
		cmp.Compare(q.Term, p.Term),
		cmp.Compare(other, node),
	) > 0
}
