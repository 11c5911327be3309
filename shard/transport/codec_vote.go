package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"encoding/binary"

	"github.com/hashicorp/raft"
)

func appendHeader(b []byte, h raft.RPCHeader) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(h.ProtocolVersion))
	b = appendBytes(b, h.ID)
	return appendBytes(b, h.Addr)
}

func (d *decoder) header() raft.RPCHeader {
	return raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersion(d.uint64()),
		ID:              d.bytes(),
		Addr:            d.bytes(),
	}
}

func appendVoteRequest(b []byte, r *raft.RequestVoteRequest) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term, r.LastLogIndex, r.LastLogTerm)
	b = appendBytes(b, r.Candidate)
	return appendBool(b, r.LeadershipTransfer)
}

func (d *decoder) voteRequest() *raft.RequestVoteRequest {
	return &raft.RequestVoteRequest{
		RPCHeader:          d.header(),
		Term:               d.uint64(),
		LastLogIndex:       d.uint64(),
		LastLogTerm:        d.uint64(),
		Candidate:          d.bytes(),
		LeadershipTransfer: d.bool(),
	}
}

func appendVoteResponse(b []byte, r *raft.RequestVoteResponse) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term)
	b = appendBytes(b, r.Peers)
	return appendBool(b, r.Granted)
}

func (d *decoder) voteResponse() raft.RequestVoteResponse {
	return raft.RequestVoteResponse{
		RPCHeader: d.header(),
		Term:      d.uint64(),
		Peers:     d.bytes(),
		Granted:   d.bool(),
	}
}

func appendPreVoteRequest(b []byte, r *raft.RequestPreVoteRequest) []byte {
	b = appendHeader(b, r.RPCHeader)
	return appendUint64s(b, r.Term, r.LastLogIndex, r.LastLogTerm)
}

func (d *decoder) preVoteRequest() *raft.RequestPreVoteRequest {
	return &raft.RequestPreVoteRequest{
		RPCHeader:    d.header(),
		Term:         d.uint64(),
		LastLogIndex: d.uint64(),
		LastLogTerm:  d.uint64(),
	}
}

func appendPreVoteResponse(b []byte, r *raft.RequestPreVoteResponse) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term)
	return appendBool(b, r.Granted)
}

func (d *decoder) preVoteResponse() raft.RequestPreVoteResponse {
	return raft.RequestPreVoteResponse{
		RPCHeader: d.header(),
		Term:      d.uint64(),
		Granted:   d.bool(),
	}
}

func appendTimeoutNowRequest(b []byte, r *raft.TimeoutNowRequest) []byte {
	return appendHeader(b, r.RPCHeader)
}

func (d *decoder) timeoutNowRequest() *raft.TimeoutNowRequest {
	return &raft.TimeoutNowRequest{RPCHeader: d.header()}
}

func appendTimeoutNowResponse(b []byte, r *raft.TimeoutNowResponse) []byte {
	return appendHeader(b, r.RPCHeader)
}

func (d *decoder) timeoutNowResponse() raft.TimeoutNowResponse {
	return raft.TimeoutNowResponse{RPCHeader: d.header()}
}
