package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// pendingHeartbeat is one heartbeat of a frame that raft has to answer.
type pendingHeartbeat struct {
	position uint32
	group    *Group
	response <-chan raft.RPCResponse
}

// handleHeartbeats passes each heartbeat of a frame to its group. The replies go back in one frame; a group
// that takes longer than half a tick does not delay the others and is answered for in a frame of its own.
func (in *inConn) handleHeartbeats(id uint64, d *decoder) error {
	beats := d.heartbeats()
	if err := d.end(); err != nil {
		return err
	}
	var ready []heartbeatReply
	var pending []pendingHeartbeat
	for i, h := range beats {
		position := uint32(i)
		g, response, err := in.deliver(incomingRequest{
			id: id, group: h.group, command: h.request(), header: h.header, timeout: in.t.cfg.RPCTimeout.Control,
		}, func(*Group) error { return nil })
		if err != nil {
			ready = append(ready, heartbeatReply{position: position, err: err})
		} else {
			pending = append(pending, pendingHeartbeat{position, g, response})
		}
	}
	in.t.spawn(func() { in.collectHeartbeats(id, ready, pending) })
	return nil
}

func (h heartbeat) request() *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{RPCHeader: h.header, Term: h.term, Leader: h.leader}
}

// collectHeartbeats waits for the groups one after another: those behind a slow one answer meanwhile.
func (in *inConn) collectHeartbeats(id uint64, ready []heartbeatReply, pending []pendingHeartbeat) {
	grace := time.NewTimer(in.t.cfg.HeartbeatTick / 2)
	defer grace.Stop()
	var late []pendingHeartbeat
	expired := make(chan struct{})
	for _, p := range pending {
		select {
		case r := <-p.response:
			ready = append(ready, p.reply(r.Response, r.Error))
			continue
		default:
		}
		select {
		case r := <-p.response:
			ready = append(ready, p.reply(r.Response, r.Error))
		case <-grace.C:
			close(expired) // the timer fires once
			late = append(late, p)
		case <-expired:
			late = append(late, p)
		case <-p.group.stopped:
			ready = append(ready, heartbeatReply{position: p.position, err: p.group.unknown()})
		case <-in.done:
			return
		}
	}
	if len(ready) > 0 {
		in.replyHeartbeats(id, ready)
	}
	for _, p := range late {
		in.t.spawn(func() {
			r, err := in.await(p.group, p.response, in.t.cfg.RPCTimeout.Control)
			in.replyHeartbeats(id, []heartbeatReply{p.reply(r, err)})
		})
	}
}

func (p pendingHeartbeat) reply(response any, err error) heartbeatReply {
	if err != nil {
		return heartbeatReply{position: p.position, err: err}
	}
	r, ok := response.(*raft.AppendEntriesResponse)
	if !ok {
		return heartbeatReply{position: p.position, err: fmt.Errorf("group %d: raft answered a heartbeat with %T", p.group.id, response)}
	}
	p.group.appended(r)
	return heartbeatReply{position: p.position, response: p.group.answer(r)}
}

func (in *inConn) replyHeartbeats(id uint64, replies []heartbeatReply) {
	in.t.count.heartbeatReplyFrames.Add(1)
	in.reply(frameHeartbeatReplies, id, func(b []byte) []byte { return appendHeartbeatReplies(b, replies) })
}
