package transport

import "github.com/hashicorp/raft"

// RequestVote implements raft.Transport.
func (g *Group) RequestVote(to raft.ServerID, _ raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	g.sawTerm(args.Term)
	if err := g.checkCandidate(voteBallot(args)); err != nil {
		return err
	}
	body, err := g.callControl(to, frameVote, frameVoteReply, func(b []byte) []byte { return appendVoteRequest(b, args) })
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	*resp = d.voteResponse()
	return d.end()
}

// RequestPreVote implements raft.WithPreVote. Its term is a proposal that no replica is in.
func (g *Group) RequestPreVote(to raft.ServerID, _ raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if err := g.checkCandidate(preVoteBallot(args)); err != nil {
		return err
	}
	body, err := g.callControl(to, framePreVote, framePreVoteReply, func(b []byte) []byte { return appendPreVoteRequest(b, args) })
	if err != nil {
		return err
	}
	d := decoder{rest: body}
	*resp = d.preVoteResponse()
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
