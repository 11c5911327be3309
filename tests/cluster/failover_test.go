package cluster_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// How long a shard takes from the kill of its leader to the next acknowledged write. The figures are printed and not
// judged: a busy machine has others. That each shard comes back, without the killed node, is judged.
func TestKilledLeaderIsReplaced(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	var took []time.Duration
	for i := range *failovers {
		shard := shards[i%len(shards)]
		old := c.Leader(shard)
		took = append(took, failover(t, c, old, i))
		if next := c.LeaderAfter(shard, old.Term); next.Node == old.Node {
			t.Fatalf("shard %d: the killed node leads in term %d", shard, next.Term)
		}
		old.Node.Start()
		c.WaitReady()
	}
	slices.Sort(took)
	line := fmt.Sprintf("failover, kill -9 to the next acknowledged write of the shard: median %d ms, maximum %d ms, %d kills",
		took[len(took)/2].Milliseconds(), took[len(took)-1].Milliseconds(), len(took))
	t.Log(line)
	fmt.Fprintln(os.Stdout, line)
}

// failover kills a leader and returns the time until some other node acknowledges a write on its shard. One connection to
// each of the others tries without pause, so that nothing but the cluster is measured.
func failover(t *testing.T, c *cluster.Cluster, old cluster.Leadership, i int) time.Duration {
	t.Helper()
	key := c.Key(old.Shard, "failover", i)
	acknowledged, stop := make(chan time.Time, len(c.Nodes)), make(chan struct{})
	begin := make(chan struct{})
	ended := make(chan struct{}, len(c.Nodes))
	others := 0
	for _, n := range c.Nodes {
		if n == old.Node {
			continue
		}
		conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
		if err != nil {
			t.Fatal(err)
		}
		others++
		go func() {
			defer func() { conn.Close(); ended <- struct{}{} }()
			<-begin
			for ; ; time.Sleep(time.Millisecond) {
				select {
				case <-stop:
					return
				default:
				}
				if reply, err := conn.Do(cluster.Deadline, "SET", key, "v"); err == nil && reply == "OK" {
					acknowledged <- time.Now()
					return
				}
			}
		}()
	}
	killed := time.Now()
	old.Node.Kill()
	close(begin)
	var at time.Time
	select {
	case at = <-acknowledged:
	case <-time.After(cluster.Deadline):
		t.Errorf("shard %d: no write acknowledged within %v after the kill of its leader", old.Shard, cluster.Deadline)
	}
	close(stop)
	for range others {
		<-ended
	}
	return at.Sub(killed)
}
