package transport

import (
	"time"

	"github.com/hashicorp/raft"
)

// RequestVote implements raft.Transport.
func (g *Group) RequestVote(to raft.ServerID, _ raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	g.sawTerm(args.Term)
	if err := g.checkCandidate(voteBallot(args)); err != nil {
		return err
	}
	g.claim()
	body, err := g.callControl(to, frameVote, frameVoteReply, func(b []byte) []byte { return appendVoteRequest(b, args) })
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	*resp = d.voteResponse()
	return d.end()
}

// RequestPreVote implements raft.WithPreVote. Its term is a proposal that no replica is in. After a refusal it asks again for
// as long as the campaign lasts (campaign.go): the other node may notice at any moment that the leader is gone.
func (g *Group) RequestPreVote(to raft.ServerID, _ raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if err := g.checkCandidate(preVoteBallot(args)); err != nil {
		return err
	}
	pause := g.stand(args)
	for end := time.Now().Add(g.askMax()); ; {
		if err := g.askPreVote(to, args, resp); err != nil || resp.Granted || resp.Term > args.Term {
			return err
		}
		if pause > g.t.cfg.RPCTimeout.Control || time.Now().Add(pause).After(end) {
			return nil // raft asks again
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-g.stopped:
			again.Stop()
			return ErrClosed
		}
		if !g.stands(args) {
			return nil
		}
		if err := g.checkCandidate(preVoteBallot(args)); err != nil {
			return err
		}
		g.t.count.preVotesRepeated.Add(1)
	}
}

// askPreVote asks once. What another candidate has precedence for counts as refused.
func (g *Group) askPreVote(to raft.ServerID, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	body, err := g.callControl(to, framePreVote, framePreVoteReply, func(b []byte) []byte { return appendPreVoteRequest(b, args) })
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	*resp = d.preVoteResponse()
	resp.Granted = resp.Granted && !g.yields(args)
	return d.end()
}

// TimeoutNow implements raft.Transport.
func (g *Group) TimeoutNow(to raft.ServerID, _ raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	if err := g.checkGuard(Ballot{Kind: BallotTimeoutNow}); err != nil {
		return err
	}
	body, err := g.callControl(to, frameTimeoutNow, frameTimeoutNowReply, func(b []byte) []byte { return appendTimeoutNowRequest(b, args) })
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	*resp = d.timeoutNowResponse()
	return d.end()
}

// callControl sends a ballot that has passed its check.
func (g *Group) callControl(to raft.ServerID, kind, reply frameKind, fill func([]byte) []byte) ([]byte, error) {
	return g.call(request{
		to: to, kind: control, frame: kind, reply: reply, timeout: g.t.cfg.RPCTimeout.Control, fill: fill,
	})
}
