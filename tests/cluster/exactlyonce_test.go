package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// counting is clients that raise counters by the Go client and book what they were told.
type counting struct {
	t      *testing.T
	client *client.Client
	keys   []string
	stop   chan struct{}
	wg     sync.WaitGroup

	acknowledged, unknown []atomic.Int64 // of each key
	// sums are the answers: no two calls may be told the same.
	sums []sync.Map
}

// countersAtOnce is how many calls there are at any time.
const countersAtOnce = 12

func startCounting(t *testing.T, c *cluster.Cluster, keys []string) *counting {
	t.Helper()
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr.GRPC)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
	defer cancel()
	dialed, err := client.Dial(ctx, client.Config{Addrs: addrs, RetryMax: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	n := &counting{
		t: t, client: dialed, keys: keys, stop: make(chan struct{}),
		acknowledged: make([]atomic.Int64, len(keys)), unknown: make([]atomic.Int64, len(keys)), sums: make([]sync.Map, len(keys)),
	}
	t.Cleanup(func() {
		n.end()
		if err := dialed.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range countersAtOnce {
		n.wg.Go(func() { n.count(i % len(keys)) })
	}
	return n
}

func (n *counting) end() {
	select {
	case <-n.stop:
	default:
		close(n.stop)
	}
	n.wg.Wait()
}

func (n *counting) count(key int) {
	for {
		select {
		case <-n.stop:
			return
		default:
		}
		r, err := n.client.Increment(context.Background(), client.Increment{Key: n.keys[key], By: 1})
		switch {
		case err == nil:
			n.acknowledged[key].Add(1)
			if _, twice := n.sums[key].LoadOrStore(r.Int, true); twice {
				n.t.Errorf("%s: two calls were answered %d", n.keys[key], r.Int)
			}
		case apierr.Of(err).Result() == apierr.OutcomeUnknown:
			n.unknown[key].Add(1)
			n.t.Logf("%s: %v", n.keys[key], err)
		}
	}
}

func (n *counting) total() (sum int64) {
	for i := range n.acknowledged {
		sum += n.acknowledged[i].Load()
	}
	return sum
}

// more waits until so many more calls are acknowledged.
func (n *counting) more(what string, calls int64) {
	n.t.Helper()
	want := n.total() + calls
	cluster.Eventually(n.t, fmt.Sprintf("%d more calls are acknowledged %s", calls, what), func() error {
		if got := n.total(); got < want {
			return fmt.Errorf("%d are missing", want-got)
		}
		return nil
	})
}

// judge ends the work and compares: each counter is the number of acknowledged calls, plus at most those that were given up.
func (n *counting) judge() {
	n.t.Helper()
	n.end()
	for i, key := range n.keys {
		ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
		r, err := n.client.Increment(ctx, client.Increment{Key: key, By: 0})
		cancel()
		if err != nil {
			n.t.Fatalf("%s: %v", key, err)
		}
		acknowledged, unknown := n.acknowledged[i].Load(), n.unknown[i].Load()
		n.t.Logf("%s is %d: %d acknowledged calls, %d of unknown outcome", key, r.Int, acknowledged, unknown)
		if r.Int < acknowledged || r.Int > acknowledged+unknown {
			n.t.Errorf("%s is %d after %d acknowledged calls and %d of unknown outcome", key, r.Int, acknowledged, unknown)
		}
	}
	stats := n.client.Stats()
	n.t.Logf("%d acknowledged; %+v", n.total(), stats)
	if stats.Doubtful == 0 {
		n.t.Error("no attempt was of unknown outcome: the faults have tried nothing")
	}
}

// A call of the Go client is applied once, whoever is killed while it is on its way and whichever shard its slot belongs to by
// then: attempts of unknown outcome are repeated under the same id, and what is remembered survives failover, restart from a
// snapshot, and migration.
func TestCallsAreAppliedExactlyOnceWhenLeadersAreKilledAndSlotsMove(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	from, to := shards[0], shards[1]
	n := startCounting(t, c, []string{c.Key(from, "once", 0), c.Key(from, "once", 1), c.Key(to, "once", 2)})
	killAndMove(t, c, from, to, func(what string, count int) { n.more(what, int64(count)) }, func(_, to uint64) (uint64, string) { return to, "target" })
	n.judge()
	cluster.Eventually(t, "all replicas hold the same", c.SameEverywhere)
}

// killAndMove kills the leaders of two shards in turn and moves the slots of one to the other and back, with work between, some of it
// while the leader of the shard that victim picks is down in the middle of a migration.
func killAndMove(t *testing.T, c *cluster.Cluster, from, to uint64, work func(what string, count int), victim func(from, to uint64) (shard uint64, called string)) {
	t.Helper()
	ranges := c.Slots(from)
	kills := 2
	if *all {
		kills = 12
	}
	for i := range kills {
		work("before a kill", 200)
		killed := c.Leader([]uint64{from, to}[i%2])
		killed.Node.Kill()
		work("after a kill", 200)
		killed.Node.Start()
		c.WaitReady()
		id := c.StartMigration(from, to, ranges)
		if i%2 == 1 { // in the middle of it
			shard, called := victim(from, to)
			leader := c.Leader(shard)
			leader.Node.Kill()
			work("after the "+called+"'s leader was killed", 50)
			leader.Node.Start()
		}
		ended := c.MigrationEnded(id)
		t.Logf("migration %d is %v %s", id, ended.Phase, ended.Reason)
		c.WaitReady()
		if ended.Phase == meta.MigrationCommitted {
			from, to = to, from
		}
	}
	work("at the end", 200)
}

// A leader that is cut off from the others answers nobody, and what it had begun is lost or not: the client asks the next one.
func TestCallsAreAppliedExactlyOnceWhileLeadersAreCutOff(t *testing.T) {
	needsAll(t)
	net := nemesis.NewNetwork(t, 3)
	c := cluster.Start(t, cluster.Options{Homes: cluster.On(net), Settings: &clusterv1.Settings{Shards: 1, Replicas: 3}})
	shard := c.ShardIDs()[0]
	n := startCounting(t, c, []string{c.Key(shard, "once", 0), c.Key(shard, "once", 1)})
	for range 5 {
		c.WaitSettled()
		n.more("before a cut", 200)
		old := c.Leader(shard)
		nemesis.During(t, net.Isolate(old.Node.Number), func() { n.more("while the leader is cut off", 200) })
		c.WaitReady()
	}
	n.judge()
	cluster.Eventually(t, "all replicas hold the same", c.SameEverywhere)
}
