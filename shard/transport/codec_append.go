package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"encoding/binary"
	"time"

	"github.com/hashicorp/raft"
)

// logBytesMin is the size of a log entry without data: index, term, type, time, two lengths.
const logBytesMin = 8 + 8 + 1 + 8 + 4 + 4

func logBytes(l *raft.Log) int { return logBytesMin + len(l.Data) + len(l.Extensions) }

func appendLog(b []byte, l *raft.Log) []byte {
	b = appendUint64s(b, l.Index, l.Term)
	b = append(b, byte(l.Type))
	b = appendTime(b, l.AppendedAt)
	b = appendBytes(b, l.Data)
	return appendBytes(b, l.Extensions)
}

func (d *decoder) log() *raft.Log {
	return &raft.Log{
		Index:      d.uint64(),
		Term:       d.uint64(),
		Type:       raft.LogType(d.uint8()),
		AppendedAt: d.time(),
		Data:       d.bytes(),
		Extensions: d.bytes(),
	}
}

// appendTime writes nanoseconds since 1970, 0 for the zero time.
func appendTime(b []byte, t time.Time) []byte {
	var nanos int64
	if !t.IsZero() {
		nanos = t.UnixNano()
	}
	return binary.LittleEndian.AppendUint64(b, uint64(nanos))
}

func (d *decoder) time() time.Time {
	nanos := int64(d.uint64())
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// appendAppendRequest takes the commit index apart from the request: it has been clamped. leaderLast is the sender's
// last index, which a follower that may have lost entries measures itself by (PROTOCOL rule 13).
func appendAppendRequest(b []byte, r *raft.AppendEntriesRequest, commit, leaderLast uint64) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term, r.PrevLogEntry, r.PrevLogTerm, commit, leaderLast)
	b = appendBytes(b, r.Leader)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Entries)))
	for _, l := range r.Entries {
		b = appendLog(b, l)
	}
	return b
}

// appendMessage is an AppendEntries as it arrives.
type appendMessage struct {
	request    *raft.AppendEntriesRequest
	leaderLast uint64
}

func (d *decoder) appendMessage() appendMessage {
	m := appendMessage{}
	r := &raft.AppendEntriesRequest{
		RPCHeader:         d.header(),
		Term:              d.uint64(),
		PrevLogEntry:      d.uint64(),
		PrevLogTerm:       d.uint64(),
		LeaderCommitIndex: d.uint64(),
	}
	m.request, m.leaderLast = r, d.uint64()
	r.Leader = d.bytes()
	if n := d.count(logBytesMin); n > 0 {
		r.Entries = make([]*raft.Log, n)
		for i := range r.Entries {
			r.Entries[i] = d.log()
		}
	}
	return m
}

// appendAnswer is raft's answer to an append or heartbeat, and how far the replica's state machine is.
type appendAnswer struct {
	raft.AppendEntriesResponse
	applied uint64
}

func appendAppendAnswer(b []byte, r *appendAnswer) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term, r.LastLog)
	b = appendBool(b, r.Success)
	b = appendBool(b, r.NoRetryBackoff)
	return appendUint64s(b, r.applied)
}

func (d *decoder) appendAnswer() appendAnswer {
	return appendAnswer{
		AppendEntriesResponse: raft.AppendEntriesResponse{
			RPCHeader:      d.header(),
			Term:           d.uint64(),
			LastLog:        d.uint64(),
			Success:        d.bool(),
			NoRetryBackoff: d.bool(),
		},
		applied: d.uint64(),
	}
}
