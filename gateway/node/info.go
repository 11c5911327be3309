package node

import (
	"context"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/raftfsm/meta"
)

// info is what INFO tells of this node.
func (n *Node) info() respserver.InfoFacts {
	facts := respserver.InfoFacts{
		Version: n.cfg.Version, Node: n.folder.NodeID(), DataDir: n.folder.Dir, Started: n.started, Port: portOf(n.listen.addrs.RESP),
		RSSBytes: residentBytes(),
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
	for _, r := range h.Replicas() {
		term, leads := r.Leader()
		facts.Shards = append(facts.Shards, respserver.ShardFacts{
			Shard: uint64(r.Group()), Leads: leads, Term: term, Applied: r.State().Applied, Replicas: max(len(r.Members().Voters)-1, 0),
		})
		facts.UsedBytes += r.Store().UsedBytes()
		facts.Expires += r.Store().Expires()
		if at := r.LastSnapshot(); at.After(facts.LastSave) {
			facts.LastSave = at
		}
		if leads {
			facts.Expired += r.Executor().Stats().Expired
		}
	}
	return facts
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

// residentBytes is the memory of this process as the kernel counts it, 0 where it does not say.
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func cpuTimes() (user, system time.Duration) {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0, 0
	}
	return time.Duration(usage.Utime.Nano()), time.Duration(usage.Stime.Nano())
}

// liveSettings are those that take effect while the cluster runs. The others are given when it is created.
var liveSettings = []string{"default-ack", "default-read"}

// settings are the settings that CONFIG GET and SET reach: those of the whole cluster, which live in the meta group.
type settings struct{ n *Node }

var _ respserver.Settings = settings{}

func (s settings) List() []respserver.Setting {
	list := []respserver.Setting{{Name: "dir", Value: s.n.folder.Dir}, {Name: "maxclients", Value: strconv.Itoa(s.n.cfg.ClientsMax)},
		{Name: "appendfsync", Value: s.n.folder.SyncPolicy().String()}}
	h := s.n.host.Load()
	if h == nil {
		return list
	}
	for _, named := range h.State().Settings().List() {
		if named.Name == "appendfsync" {
			continue // what counts is how this node was started
		}
		list = append(list, respserver.Setting{Name: named.Name, Value: named.Value})
	}
	return list
}

func (s settings) Set(ctx context.Context, name, value string) error {
	h := s.n.host.Load()
	if h == nil || !slices.Contains(liveSettings, name) {
		return respserver.ErrNotSettable
	}
	command, err := meta.ParseSetting(name, value)
	if err != nil {
		return err
	}
	result, err := h.Propose(ctx, command)
	if err != nil {
		return err
	}
	return result.Err
}
