package transport

import (
	"encoding/binary"

	"github.com/hashicorp/raft"
)

const (
	heartbeatBytesMin      = 8 + 8 + 8 + 4 + 4 + 4 // group, term, header, leader
	heartbeatReplyBytesMin = 4 + 1                 // position, outcome
)

// heartbeat is an AppendEntries without entries, previous entry or commit index.
type heartbeat struct {
	group  GroupID
	header raft.RPCHeader
	term   uint64
	leader []byte
}

func appendHeartbeat(b []byte, h heartbeat) []byte {
	b = appendUint64s(b, uint64(h.group), h.term)
	b = appendHeader(b, h.header)
	return appendBytes(b, h.leader)
}

func (d *decoder) heartbeats() []heartbeat {
	hs := make([]heartbeat, d.count(heartbeatBytesMin))
	for i := range hs {
		hs[i] = heartbeat{
			group:  GroupID(d.uint64()),
			term:   d.uint64(),
			header: d.header(),
			leader: d.bytes(),
		}
	}
	return hs
}

// heartbeatReply answers the heartbeat at one position of a frame. A frame of replies need not answer all
// of them: the groups that are late follow in frames of their own.
type heartbeatReply struct {
	position uint32
	response appendAnswer
	err      error
}

func appendHeartbeatReplies(b []byte, rs []heartbeatReply) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rs)))
	for i := range rs {
		b = binary.LittleEndian.AppendUint32(b, rs[i].position)
		b = appendBool(b, rs[i].err == nil)
		if rs[i].err != nil {
			b = appendError(b, rs[i].err)
		} else {
			b = appendAppendAnswer(b, &rs[i].response)
		}
	}
	return b
}

// heartbeatReplies takes the name of the node that answered, for the errors.
func (d *decoder) heartbeatReplies(node string) []heartbeatReply {
	rs := make([]heartbeatReply, d.count(heartbeatReplyBytesMin))
	for i := range rs {
		rs[i].position = d.uint32()
		if d.bool() {
			rs[i].response = d.appendAnswer()
		} else {
			rs[i].err = d.remoteError(node)
		}
	}
	return rs
}

func appendError(b []byte, err error) []byte {
	text := err.Error()
	b = append(b, byte(codeOf(err)))
	return appendText(b, text[:min(len(text), errorTextBytesMax)])
}

func (d *decoder) remoteError(node string) error {
	code := errorCode(d.uint8())
	return remoteError(node, code, d.text(errorTextBytesMax))
}
