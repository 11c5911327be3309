package placement

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/meta"
)

// DefaultReplicas is how many replicas a shard gets where nobody says: the smaller of 3 and the nodes, made odd.
func DefaultReplicas(nodes int) int {
	if nodes < 3 {
		return 1
	}
	return 3
}

// CheckReplicas tells what is wrong with n replicas on that many nodes; 0 stands for the default.
func CheckReplicas(n, nodes int) error {
	if err := meta.CheckReplicas(n); err != nil {
		return err
	}
	if n > nodes {
		return apierr.New(apierr.KindInvalid, "--replicas=%d: a node holds one replica of a shard and there are %d nodes; start %d more, or use %d", n, nodes, n-nodes, DefaultReplicas(nodes))
	}
	return nil
}
