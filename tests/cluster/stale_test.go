package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// Two of three nodes are killed, so nobody leads. The replica that is left goes on showing what it knows to be committed to
// those who ask for stale reads, by any of their ways; nobody else is told anything, and nobody can write.
func TestReplicaWithoutALeaderServesStaleReadsToThoseWhoAskAndToNobodyElse(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shard := c.ShardIDs()[0]
	for i, survivor := range []string{"a follower", "the leader"} {
		alone := t.Run(survivor+" is left", func(t *testing.T) {
			c.WaitSettled()
			leader := c.Leader(shard).Node
			left, killed := leader, []*cluster.Node(nil)
			for _, n := range c.Nodes {
				if survivor == "a follower" && n != leader {
					left = n
				}
			}
			for _, n := range c.Nodes {
				if n != left {
					killed = append(killed, n)
				}
			}
			key := c.Key(shard, "alone", i)
			ask := asker{t, workload.NewRun(*seed)}
			ask.answered(workload.Pinned(leader.Addr.RESP, workload.Modes{}), model.Op{Kind: model.Set, Key: key, Arg: "committed"})
			stale := workload.Pinned(left.Addr.RESP, workload.Modes{Read: "STALE"})
			cluster.Eventually(t, "the write is known to be committed everywhere", func() error {
				if o := ask.once(stale, model.Op{Kind: model.Get, Key: key}); o.Value != "committed" {
					return errors.New(o.String())
				}
				return nil
			})
			c.Kill(killed...)
			ask.withoutALeader(left, key)
			for _, n := range killed {
				n.Start()
			}
			c.WaitReady()
			if o := ask.once(workload.Pinned(left.Addr.RESP, workload.Modes{}), model.Op{Kind: model.Set, Key: key, Arg: "later"}); o.Outcome == model.Unknown {
				t.Errorf("a write once everybody is back: %s", o)
			}
			if err := ask.run.Stop(); err != nil {
				t.Error(err)
			}
		})
		if !alone {
			return // the cluster is not as the next one wants it
		}
	}
}

// asker asks one node one thing after another.
type asker struct {
	t   *testing.T
	run *workload.Run
}

func (a asker) once(c workload.Client, o model.Op) model.Op { return a.run.Attempt(c, o) }

func (a asker) answered(c workload.Client, o model.Op) {
	a.t.Helper()
	defer c.Close()
	if o = a.once(c, o); o.Outcome != model.OK {
		a.t.Fatal(o)
	}
}

// withoutALeader asks a node that has no leader by every way there is.
func (a asker) withoutALeader(n *cluster.Node, key string) {
	a.t.Helper()
	get, set := model.Op{Kind: model.Get, Key: key}, model.Op{Kind: model.Set, Key: key, Arg: "refused"}
	leased := workload.Pinned(n.Addr.RESP, workload.Modes{Read: "LEASE"})
	defer leased.Close()
	cluster.Eventually(a.t, "the lease of a leader that is left has run out", func() error {
		if o := a.once(leased, get); o.Outcome != model.NotApplied {
			return errors.New(o.String())
		}
		return nil
	})
	var asked sync.WaitGroup
	for _, mode := range []string{"", "LEASE", "INDEX", "STALE"} {
		for protocol, client := range map[string]workload.Client{
			"RESP": workload.Pinned(n.Addr.RESP, workload.Modes{Read: mode}), "gRPC": workload.PinnedStubs(n.Addr.GRPC, workload.Modes{Read: mode}),
		} {
			asked.Go(func() {
				defer client.Close()
				if o := a.once(client, get); (o.Outcome == model.OK) != (mode == "STALE") || mode == "STALE" && o.Value != "committed" {
					a.t.Errorf("read over %s in mode %q: %s", protocol, mode, o)
				}
				if o := a.once(client, set); o.Outcome == model.OK {
					a.t.Errorf("write over %s in mode %q: %s", protocol, mode, o)
				}
			})
		}
	}
	asked.Wait()
	a.readOnly(n, key)
}

// readOnly goes on one connection from reads that promise nothing to others, and back.
func (a asker) readOnly(n *cluster.Node, key string) {
	a.t.Helper()
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	for _, step := range []struct {
		command string
		shows   bool
	}{{"READONLY", true}, {"READWRITE", false}, {"READONLY", true}, {"RESET", false}} {
		if _, err := conn.Do(cluster.Deadline, step.command); err != nil {
			a.t.Fatalf("%s: %v", step.command, err)
		}
		reply, err := conn.Do(cluster.Deadline, "GET", key)
		if shown := err == nil && reply == "committed"; shown != step.shows || err == nil && !shown {
			a.t.Errorf("GET after %s: %v, %v", step.command, reply, err)
		}
		if reply, err := conn.Do(cluster.Deadline, "SET", key, fmt.Sprint("after ", step.command)); err == nil {
			a.t.Errorf("SET after %s: %v", step.command, reply)
		}
	}
}
