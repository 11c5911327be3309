package cluster

import "github.com/holtcache/holt/tests/workload"

// Target is the cluster as workloads see it.
func (c *Cluster) Target() workload.Target {
	c.t.Helper()
	target := workload.Target{RESP: c.RESP()}
	for _, n := range c.Nodes {
		target.GRPC = append(target.GRPC, n.Addr.GRPC)
	}
	for _, shard := range c.ShardIDs() {
		target.Keys = append(target.Keys, c.Keys(shard))
	}
	return target
}
