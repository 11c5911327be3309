package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

func TestHistoriesAreLinearizableWhenLeadersAreKilled(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := work(t, c, shards)
	progress(t, run, "before the kills", 100)
	for i := range *rounds {
		old := c.Leader(shards[i%len(shards)])
		old.Node.Kill()
		next := c.LeaderAfter(old.Shard, old.Term)
		if next.Node == old.Node {
			t.Fatalf("shard %d: the killed node leads in term %d", next.Shard, next.Term)
		}
		progress(t, run, "with one node down", 100)
		old.Node.Start()
		c.WaitReady()
		progress(t, run, "after the restart", 100)
	}
	accept(t, run)
}

// A leader that was paused for longer than an election takes believes that it leads when it goes on, and finds requests
// in its sockets that came after the next leader's writes. They have to see those writes, or be refused.
func TestAPausedLeaderAnswersNothingStaleWhenItGoesOn(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := work(t, c, shards)
	progress(t, run, "before the pauses", 100)
	for i := range *rounds {
		shard := shards[i%len(shards)]
		old := c.Leader(shard)
		key := c.Key(shard, "paused", i)
		set(t, run, workload.Pinned(old.Node.Addr.RESP, workload.Modes{}), key, "before")

		early := dialAll(t, old.Node, 8)
		old.Node.Pause()
		next := c.LeaderAfter(shard, old.Term)
		if next.Node == old.Node {
			t.Fatalf("shard %d: the paused node leads in term %d", shard, next.Term)
		}
		set(t, run, workload.Pinned(next.Node.Addr.RESP, workload.Modes{}), key, "after")
		progress(t, run, "with one node paused", 60)
		queued := queueReads(t, run, early, key)
		old.Node.Resume()
		queued()
		progress(t, run, "after the pause", 100)
		c.WaitReady()
	}
	accept(t, run)
}

// set writes until a write is acknowledged.
func set(t *testing.T, run *workload.Run, client workload.Client, key, value string) {
	t.Helper()
	defer client.Close()
	attempts := 0
	cluster.Eventually(t, "SET "+key, func() error {
		attempts++
		o := run.Attempt(client, model.Op{Client: 900, Kind: model.Set, Key: key, Arg: fmt.Sprint(value, attempts)})
		if o.Outcome != model.OK {
			return workload.ServerError(o.String())
		}
		return nil
	})
}

// dialAll opens connections to a node, every other of which reads by ReadIndex.
func dialAll(t *testing.T, n *cluster.Node, count int) []*workload.Conn {
	t.Helper()
	var conns []*workload.Conn
	for i := range count {
		mode := []string{"LEASE", "INDEX"}[i%2]
		conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline, []string{"CLIENT", "READMODE", mode})
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	return conns
}

// queueReads sends reads whose answers the returned function receives and records. One of the connections sends many.
func queueReads(t *testing.T, run *workload.Run, conns []*workload.Conn, key string) func() {
	t.Helper()
	type read struct {
		conn *workload.Conn
		call time.Duration
	}
	var reads []read
	for i, conn := range conns {
		count := 1
		if i == 0 {
			count = 20
		}
		for range count {
			reads = append(reads, read{conn, run.History.Now()})
			if err := conn.Send(cluster.Deadline, "GET", key); err != nil {
				t.Fatal(err)
			}
		}
	}
	return func() {
		t.Helper()
		for i, r := range reads {
			o := model.Op{Client: 901 + i, Kind: model.Get, Key: key, Call: r.call, Outcome: model.OK}
			reply, err := r.conn.Receive(cluster.Deadline)
			o.Return = run.History.Now()
			if value, found := reply.(string); err == nil && found {
				o.Found, o.Value = true, value
			}
			if err != nil {
				o.Outcome, o.Err = model.NotApplied, err.Error()
			}
			run.History.Add(o)
		}
		for _, conn := range conns {
			conn.Close()
		}
	}
}

func TestHistoriesAreLinearizableWhenLeadersHandOver(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	run := work(t, c, shards)
	progress(t, run, "before the transfers", 100)
	for range *rounds {
		for _, shard := range shards {
			handOver(t, c, shard)
			progress(t, run, "after the transfer", 60)
		}
	}
	accept(t, run)
}
