package node

import (
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/raftfsm"
)

// Digests tells what the replicas on this node hold. The meta group's are not among them.
func (a admin) Digests() ([]*clusterv1.ReplicaDigest, error) {
	h, err := a.host()
	if err != nil {
		return nil, err
	}
	var list []*clusterv1.ReplicaDigest
	for _, r := range h.Replicas() {
		state := r.State()
		before := state.Applied
		digest, keys := raftfsm.Digest(r.Store(), state), r.Store().Len()
		list = append(list, &clusterv1.ReplicaDigest{
			ShardId: uint64(r.Group()), AppliedIndex: before, Settled: r.State().Applied == before, Digest: digest, Keys: uint64(keys),
		})
	}
	return list, nil
}
