package transport

import (
	"encoding/binary"

	"github.com/hashicorp/raft"
)

func appendSnapshotRequest(b []byte, r *raft.InstallSnapshotRequest) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, uint64(r.SnapshotVersion), r.Term, r.LastLogIndex, r.LastLogTerm,
		r.ConfigurationIndex, uint64(r.Size))
	b = appendBytes(b, r.Leader)
	b = appendBytes(b, r.Peers)
	return appendBytes(b, r.Configuration)
}

func (d *decoder) snapshotRequest() *raft.InstallSnapshotRequest {
	return &raft.InstallSnapshotRequest{
		RPCHeader:          d.header(),
		SnapshotVersion:    raft.SnapshotVersion(d.uint64()),
		Term:               d.uint64(),
		LastLogIndex:       d.uint64(),
		LastLogTerm:        d.uint64(),
		ConfigurationIndex: d.uint64(),
		Size:               int64(d.uint64()),
		Leader:             d.bytes(),
		Peers:              d.bytes(),
		Configuration:      d.bytes(),
	}
}

func appendSnapshotResponse(b []byte, r *raft.InstallSnapshotResponse) []byte {
	b = appendHeader(b, r.RPCHeader)
	b = appendUint64s(b, r.Term)
	return appendBool(b, r.Success)
}

func (d *decoder) snapshotResponse() raft.InstallSnapshotResponse {
	return raft.InstallSnapshotResponse{
		RPCHeader: d.header(),
		Term:      d.uint64(),
		Success:   d.bool(),
	}
}

// snapshotEnd closes a stream of chunks.
type snapshotEnd struct {
	sizeBytes uint64
	crc       uint32 // Castagnoli, of all chunks
}

func appendSnapshotEnd(b []byte, e snapshotEnd) []byte {
	b = binary.LittleEndian.AppendUint64(b, e.sizeBytes)
	return binary.LittleEndian.AppendUint32(b, e.crc)
}

func (d *decoder) snapshotEnd() snapshotEnd {
	return snapshotEnd{sizeBytes: d.uint64(), crc: d.uint32()}
}
