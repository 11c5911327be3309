package scale

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/shard/gossip"
)

// nodesMany is how large the cluster is: 480 replicas of 160 shards, three of each on a node and a half.
const (
	nodesMany  = 320
	shardsMany = 160
)

// nodesFew is how many nodes gossip where nobody asked for all: 320 take minutes of processor time.
const nodesFew = 48

// crowd is the gossip of a whole cluster.
type crowd struct {
	t       *testing.T
	network *network
	nodes   []*gossip.Gossip
}

func nodeID(i int) string { return fmt.Sprintf("%040d", i) }

func nodeAddr(i int) string { return fmt.Sprintf("10.0.%d.%d:6382", i/256, i%256) }

// gather opens n nodes that find each other through the first.
func gather(t *testing.T, n int) *crowd {
	c := &crowd{t: t, network: newNetwork()}
	for i := range n {
		host := fmt.Sprintf("10.0.%d.%d", i/256, i%256)
		g, err := gossip.Open(gossip.Config{
			ClusterID: "0123456789abcdef0123456789abcdef01234567", NodeID: nodeID(i),
			Self: gossip.Node{
				Start: 1, Zone: "zone-" + strconv.Itoa(i%3),
				RESP: host + ":6379", GRPC: host + ":6380", Cluster: host + ":6381", HTTP: host + ":6383",
			},
			BindAddr: nodeAddr(i), Sockets: c.network.listen,
			Seeds: func() []string { return []string{nodeAddr(0)} },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.nodes = append(c.nodes, g)
	}
	return c
}

// until waits, in virtual time, until all nodes say yes, and returns how long the median node and the last one took.
func (c *crowd) until(what string, yes func(g *gossip.Gossip) bool) (median, last time.Duration) {
	c.t.Helper()
	const step, most = 10 * time.Millisecond, 5 * time.Minute
	began := time.Now()
	waiting := slices.Clone(c.nodes)
	for len(waiting) > 0 {
		if time.Since(began) > most {
			c.t.Fatalf("%s: %d of %d nodes not yet, after %v", what, len(waiting), len(c.nodes), most)
		}
		time.Sleep(step)
		synctest.Wait()
		waiting = slices.DeleteFunc(waiting, yes)
		if median == 0 && len(waiting) <= len(c.nodes)/2 {
			median = time.Since(began)
		}
	}
	return median, time.Since(began)
}

func (c *crowd) close() {
	for _, g := range c.nodes {
		if err := g.Close(); err != nil {
			c.t.Error(err)
		}
	}
	time.Sleep(time.Minute) // probes that are under way
	synctest.Wait()
}

// traffic is what all nodes send and the CPU time they take in a stretch of virtual time, for each node and second.
func (c *crowd) traffic(stretch time.Duration) (packets, bytes, cpuMicros float64) {
	packets0, bytes0, cpu0 := c.network.packets.Load(), c.network.bytes.Load(), cpuTime()
	time.Sleep(stretch)
	synctest.Wait()
	each := float64(len(c.nodes)) * stretch.Seconds()
	return float64(c.network.packets.Load()-packets0) / each, float64(c.network.bytes.Load()-bytes0) / each, float64((cpuTime() - cpu0).Microseconds()) / each
}

func cpuTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// Whatever one node says, or the silence of a dead one, reaches all others.
func TestGossipOfManyNodes(t *testing.T) {
	n := nodesFew
	if *all {
		n = nodesMany
	}
	synctest.Test(t, func(t *testing.T) {
		c := gather(t, n)
		defer c.close()
		report := func(what string, median, last time.Duration) {
			t.Logf("%d nodes: %s: half of them after %v, all after %v", n, what, median, last)
		}
		median, last := c.until("all nodes know each other", func(g *gossip.Gossip) bool { return len(g.Nodes()) == n })
		report("a cluster that starts at once knows itself", median, last)
		time.Sleep(30 * time.Second) // what the start has stirred up

		packets, bytes, cpu := c.traffic(30 * time.Second)
		t.Logf("%d nodes: at rest each sends %.0f packets and %.1f KB a second, and takes %.0f us of CPU time", n, packets, bytes/1000, cpu)

		c.nodes[1].AnnounceEpoch(1000)
		median, last = c.until("the epoch is known", func(g *gossip.Gossip) bool {
			from, _ := g.Node(nodeID(1))
			return from.Epoch == 1000
		})
		report("a new epoch is known", median, last)

		for shard := range uint64(shardsMany) {
			c.nodes[int(shard)*n/shardsMany].AnnounceLeader(gossip.Leader{Shard: shard + 1, Term: 2, Node: nodeID(int(shard) * n / shardsMany)})
		}
		median, last = c.until("all leaders are known", func(g *gossip.Gossip) bool { return len(g.Leaders()) == shardsMany })
		report("160 new leaders, all at once, are known", median, last)

		victim := c.nodes[n-1]
		c.network.cut(nodeAddr(n - 1))
		c.nodes = c.nodes[:n-1]
		median, last = c.until("the death is known", func(g *gossip.Gossip) bool {
			dead, _ := g.Node(nodeID(n - 1))
			return dead.State == gossip.StateDead
		})
		report("a death is known", median, last)
		c.nodes = append(c.nodes, victim)
	})
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap afterwards: %d MiB", m.HeapAlloc>>20)
}
