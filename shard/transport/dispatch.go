package transport

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// handle takes one frame from the reader. An error costs the connection; what a group can't do right now is
// an error reply instead.
func (in *inConn) handle(f frame) error {
	d := &decoder{rest: f.body}
	switch {
	case f.kind == framePing:
		in.reply(framePong, f.id, nil)
		return d.end()
	case in.kind == control:
		return in.handleControl(f, d)
	default:
		return in.handleData(f, d)
	}
}

func (in *inConn) handleControl(f frame, d *decoder) error {
	timeout := in.t.cfg.RPCTimeout.Control
	switch f.kind {
	case frameHeartbeats:
		return in.handleHeartbeats(f.id, d)
	case frameConfirm:
		return in.handleConfirm(f.id, d)
	case frameVote:
		group, req := GroupID(d.uint64()), d.voteRequest()
		return in.handleRequest(incomingRequest{id: f.id, group: group, command: req, header: req.RPCHeader, timeout: timeout}, d,
			func(g *Group) error { return g.checkGuard(voteBallot(req)) })
	case framePreVote:
		group, req := GroupID(d.uint64()), d.preVoteRequest()
		return in.handleRequest(incomingRequest{id: f.id, group: group, command: req, header: req.RPCHeader, timeout: timeout,
			answered: func(g *Group, response any) { g.withhold(in.node, req, response) },
		}, d,
			func(g *Group) error { return g.checkGuard(preVoteBallot(req)) })
	case frameTimeoutNow:
		group, req := GroupID(d.uint64()), d.timeoutNowRequest()
		return in.handleRequest(incomingRequest{id: f.id, group: group, command: req, header: req.RPCHeader, timeout: timeout}, d,
			func(g *Group) error { return g.checkCandidate(Ballot{Kind: BallotTimeoutNow}) })
	case frameLogEnd:
		return in.handleLogEnd(f.id, d)
	}
	return fmt.Errorf("%w: frame kind %d on a control connection", ErrMalformed, f.kind)
}

func (in *inConn) handleData(f frame, d *decoder) error {
	switch f.kind {
	case frameAppend:
		group, m := GroupID(d.uint64()), d.appendMessage()
		return in.handleRequest(incomingRequest{
			id: f.id, group: group, command: m.request, header: m.request.RPCHeader, timeout: in.t.cfg.RPCTimeout.Append,
			answered: func(g *Group, response any) { g.hear(m, response) },
		}, d, func(*Group) error { return in.checkClamped(m.request) })
	case frameSnapshotBegin:
		return in.beginSnapshot(f.id, d)
	case frameSnapshotChunk, frameSnapshotEnd, frameSnapshotAbort:
		in.snapshots.pass(f)
		return nil
	case frameStamps:
		return in.handleStamps(d)
	}
	return fmt.Errorf("%w: frame kind %d on a data connection", ErrMalformed, f.kind)
}

func (in *inConn) handleConfirm(id uint64, d *decoder) error {
	q := d.confirm()
	if err := d.end(); err != nil {
		return err
	}
	ok := in.t.answerConfirm(q)
	in.t.count.confirms.Add(1)
	in.reply(frameConfirmReply, id, func(b []byte) []byte { return appendConfirmReply(b, ok) })
	return nil
}

// checkClamped is the receiving end of PROTOCOL rule 0: raft would commit entries that it was not sent.
func (in *inConn) checkClamped(req *raft.AppendEntriesRequest) error {
	if err := checkContiguous(req); err != nil {
		return err
	}
	if req.LeaderCommitIndex <= lastEntry(req) {
		return nil
	}
	in.t.count.notClampedRefused.Add(1)
	return fmt.Errorf("%w: commit index %d, last entry %d", ErrNotClamped, req.LeaderCommitIndex, lastEntry(req))
}

// incomingRequest is a decoded request on its way to raft.
type incomingRequest struct {
	id      uint64 // of its frame
	group   GroupID
	command any
	header  raft.RPCHeader
	timeout time.Duration // after which the sender does not wait for the reply any more

	answered func(g *Group, response any) // hears what raft answered, before the sender does; may be nil
}

// handleRequest passes a request to raft if check allows it. The reply is sent by a goroutine of its own, so
// that a stuck group delays no reader.
func (in *inConn) handleRequest(q incomingRequest, d *decoder, check func(*Group) error) error {
	if err := d.end(); err != nil {
		return err
	}
	g, response, err := in.deliver(q, check)
	if err != nil {
		in.replyError(q.id, err)
		return nil
	}
	in.t.spawn(func() {
		r, err := in.await(g, response, q.timeout)
		if err == nil && q.answered != nil {
			q.answered(g, r)
		}
		if err == nil {
			err = in.replyResponse(q.id, g, r)
		}
		if err != nil {
			in.replyError(q.id, err)
		}
	})
	return nil
}

func (in *inConn) deliver(q incomingRequest, check func(*Group) error) (*Group, <-chan raft.RPCResponse, error) {
	g := in.t.group(q.group)
	if g == nil {
		return nil, nil, fmt.Errorf("group %d on node %s: %w", q.group, in.t.cfg.NodeID, ErrUnknownGroup)
	}
	if err := checkSender(q.header, in.node); err != nil {
		return nil, nil, err
	}
	if err := check(g); err != nil {
		return nil, nil, err
	}
	response, err := g.deliver(raft.RPC{Command: q.command})
	return g, response, err
}

// await waits for raft. Raft forgets the requests that are queued when it shuts down, so this must end by itself.
func (in *inConn) await(g *Group, response <-chan raft.RPCResponse, timeout time.Duration) (any, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case r := <-response:
		return r.Response, r.Error
	case <-g.stopped:
		return nil, g.unknown()
	case <-timer.C:
		return nil, fmt.Errorf("group %d on node %s: %w (%v)", g.id, in.t.cfg.NodeID, ErrTimeout, timeout)
	case <-in.done:
		return nil, ErrClosed
	}
}

// replyResponse sends what raft answered.
func (in *inConn) replyResponse(id uint64, g *Group, response any) error {
	switch r := response.(type) {
	case *raft.AppendEntriesResponse:
		g.appended(r)
		answer := g.answer(r)
		in.reply(frameAppendReply, id, func(b []byte) []byte { return appendAppendAnswer(b, &answer) })
	case *raft.RequestVoteResponse:
		g.sawTerm(r.Term)
		in.reply(frameVoteReply, id, func(b []byte) []byte { return appendVoteResponse(b, r) })
	case *raft.RequestPreVoteResponse:
		in.reply(framePreVoteReply, id, func(b []byte) []byte { return appendPreVoteResponse(b, r) })
	case *raft.TimeoutNowResponse:
		in.reply(frameTimeoutNowReply, id, func(b []byte) []byte { return appendTimeoutNowResponse(b, r) })
	case *raft.InstallSnapshotResponse:
		g.sawTerm(r.Term)
		in.reply(frameSnapshotReply, id, func(b []byte) []byte { return appendSnapshotResponse(b, r) })
	default:
		return fmt.Errorf("group %d on node %s: raft answered with %T", g.id, in.t.cfg.NodeID, response)
	}
	return nil
}

// reply queues a reply. If the queue is full or the connection closed, the sender's timeout tells it so.
func (in *inConn) reply(kind frameKind, id uint64, fill func([]byte) []byte) {
	_ = in.send(kind, id, fill) // counted in QueueFull
}

func (in *inConn) replyError(id uint64, err error) {
	in.reply(frameError, id, func(b []byte) []byte { return appendError(b, err) })
}
