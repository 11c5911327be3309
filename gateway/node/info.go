package node

import (
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holtcache/holt/gateway/respserver"
)

// info is what INFO tells of this node.
func (n *Node) info() respserver.InfoFacts {
	facts := respserver.InfoFacts{
		Version: n.cfg.Version, Node: n.folder.NodeID(), DataDir: n.folder.Dir, Started: n.started, Port: portOf(n.listen.addrs.RESP),
		Memory: n.memory(), AppendFsync: n.folder.SyncPolicy().String(), Lookups: n.grpc.Lookups(),
	}
	facts.CPUUser, facts.CPUSystem = cpuTimes()
	if s := n.folder.Loading().Stats(); n.load.active.Load() {
		facts.Loading = &respserver.LoadingFacts{
			Started: s.Started, TotalBytes: s.TotalBytes, LoadedBytes: s.LoadedBytes, Percent: s.Percent(), Remaining: s.Remaining(time.Now()),
		}
	}
	h := n.host.Load()
	if h == nil {
		return facts
	}
	facts.EvictionPolicy = h.State().Settings().MaxMemoryPolicy.String()
	facts.Save = saveFacts(h, n.started)
	for _, r := range h.Replicas() {
		term, leads := r.Leader()
		facts.Shards = append(facts.Shards, respserver.ShardFacts{
			Shard: uint64(r.Group()), Leads: leads, Term: term, Applied: r.State().Applied, Replicas: max(len(r.Members().Voters)-1, 0),
		})
		if leads {
			facts.Expires += r.Store().Expires()
		}
		counted := r.Executor().Stats()
		facts.Expired += counted.Expired
		facts.Evicted += counted.Evicted
	}
	return facts
}

// setActiveExpiry switches the deletion of expired keys that nobody reads, at the replicas that are here now.
func (n *Node) setActiveExpiry(on bool) {
	h := n.host.Load()
	if h == nil {
		return
	}
	for _, r := range h.Replicas() {
		r.Executor().SetActiveExpiry(on)
	}
}

func portOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return p
}

func cpuTimes() (user, system time.Duration) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, 0
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
}
