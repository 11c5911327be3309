package cluster_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// powered is a cluster of three nodes of one shard, each on a machine that can lose its power.
type powered struct {
	*cluster.Cluster
	machines map[*cluster.Node]*nemesis.Machine
}

func startPowered(t *testing.T, args ...string) *powered {
	t.Helper()
	var machines []*nemesis.Machine
	var homes []cluster.Home
	for range 3 {
		m := nemesis.NewMachine(t)
		machines = append(machines, m)
		homes = append(homes, cluster.Home{Dir: m.Dir, Under: m.Under()})
	}
	p := &powered{cluster.Start(t, cluster.Options{Settings: oneShard, Args: args, Homes: homes}), map[*cluster.Node]*nemesis.Machine{}}
	for i, n := range p.Nodes {
		p.machines[n] = machines[i]
	}
	return p
}

// cut takes the power from the machines of some nodes at once, and gives it back after what shall happen meanwhile. The
// nodes are not started.
func (p *powered) cut(t *testing.T, torn *rand.Rand, meanwhile func(), nodes ...*cluster.Node) {
	t.Helper()
	power := &nemesis.PowerCut{Kill: func() { p.Kill(nodes...) }, Torn: torn}
	for _, n := range nodes {
		power.Machines = append(power.Machines, p.machines[n])
	}
	nemesis.During(t, power, meanwhile)
}

func start(nodes ...*cluster.Node) {
	for _, n := range nodes {
		n.Start()
	}
}

func TestPowerCutsUnderAlwaysLoseNoAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	p := startPowered(t, "--appendfsync", "always")
	shards, random := p.ShardIDs(), drawing()
	shard := shards[0]
	run := writing(t, p.Cluster, shards)
	othersGoOn := func() { progress(t, run, "with one machine off", writesBetween) }
	for range *faults {
		for _, c := range []struct {
			nodes     func() []*cluster.Node
			torn      *rand.Rand
			meanwhile func()
		}{
			{func() []*cluster.Node { return []*cluster.Node{follower(p.Cluster, shard)} }, nil, othersGoOn},
			{func() []*cluster.Node { return []*cluster.Node{p.Leader(shard).Node} }, random, othersGoOn},
			{func() []*cluster.Node { return p.Nodes }, nil, func() {}},
			{func() []*cluster.Node { return p.Nodes }, random, func() {}},
		} {
			instant(t, run, random)
			nodes := c.nodes()
			p.cut(t, c.torn, c.meanwhile, nodes...)
			start(nodes...)
			allReady(t, p.Cluster)
		}
	}
	settled(t, p.Cluster, run, shards)
}

// A follower has acknowledged writes that it had not synced, and forgets them. Of the two others one holds them and is
// down, one never had them: together with the one that forgot it would be a quorum. The guard keeps them from being one.
func TestPowerCutOfOneNodeUnderEverySecLosesNoAcknowledgedWrite(t *testing.T) {
	t.Parallel()
	p := startPowered(t, "--appendfsync", "everysec")
	shards, random := p.ShardIDs(), drawing()
	shard := shards[0]
	run := writing(t, p.Cluster, shards)
	for range *faults {
		instant(t, run, random)
		holds := p.Leader(shard).Node
		var forgets, lacks *cluster.Node
		for _, n := range p.Nodes {
			switch {
			case n == holds:
			case forgets == nil:
				forgets = n
			default:
				lacks = n
			}
		}
		lacks.Pause()
		instant(t, run, random)
		holds.Pause() // at once: what was acknowledged last is not synced yet
		p.cut(t, nil, func() {}, forgets)
		holds.Kill()
		lacks.Resume()
		since := logFrom(forgets)
		forgets.Start()
		p.nobodyServes(t, forgets, since)
		holds.Start()
		waitGuardEnds(t, forgets, since)
		allReady(t, p.Cluster)
	}
	settled(t, p.Cluster, run, shards)
}

// nobodyServes returns when a guarded node has found that it has to stay so, and fails where a leader is elected before.
func (p *powered) nobodyServes(t *testing.T, guarded *cluster.Node, since func() string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("node %d stays guarded, since a node is missing", guarded.Number), func() error {
		for _, n := range p.Running() {
			shards, err := n.Shards()
			if err != nil || len(shards) == 0 {
				continue // it has just been started
			}
			for _, r := range shards[0].Replicas {
				if r.Serving {
					return cluster.Never(fmt.Errorf("node %s serves in term %d", r.NodeId, r.Term))
				}
			}
		}
		if !strings.Contains(since(), guardHeld) {
			return errors.New("it has not said so")
		}
		return nil
	})
}

// Power goes everywhere at once: what nobody had synced is lost. It is no more than what was written in two seconds.
func TestPowerCutOfAllNodesUnderEverySecLosesAtMostTwoSeconds(t *testing.T) {
	p := startPowered(t, "--appendfsync", "everysec")
	shards, random := p.ShardIDs(), drawing()
	for range *faults {
		for _, c := range []struct {
			what string
			back func(t *testing.T)
		}{
			{"all nodes are back", p.allBack},
			{"one node stays away, and the operator accepts the loss", p.lossAccepted},
		} {
			run := writers(p.Cluster, shards[0])
			progress(t, run, "for longer than a second", 600+random.IntN(600)) // four clients make 500 a second at most
			cut := run.History.Now()
			p.cut(t, nil, func() {}, p.Nodes...)
			if err := run.Stop(); err != nil {
				t.Error(err)
			}
			c.back(t)
			allReady(t, p.Cluster)
			t.Logf("%s: %s", c.what, judgeLoss(t, p.Cluster, run, cut))
			sameOnAllReplicas(t, p.Cluster, run)
		}
	}
}

// writers starts clients that write keys once each, as fast as they are answered.
func writers(c *cluster.Cluster, shard uint64) *workload.Run {
	run := workload.NewRun(*seed)
	keys := c.Keys(shard)
	name := fmt.Sprint("everysec-", time.Now().UnixNano())
	lane := workload.Writers(func(i int) string { return keys(name, i) })
	for range 4 {
		run.Go(workload.GoRedis(c.RESP(), workload.Modes{}), lane, clientPause)
	}
	return run
}

// allBack starts all nodes. None votes until all have said where their logs end; then the longest one counts.
func (p *powered) allBack(t *testing.T) {
	t.Helper()
	since := map[*cluster.Node]func() string{}
	for _, n := range p.Nodes {
		since[n] = logFrom(n)
		n.Start()
	}
	for _, n := range p.Nodes {
		waitGuardEnds(t, n, since[n])
	}
}

// lossAccepted starts two of three nodes, which are guarded until the operator says that they need not be.
func (p *powered) lossAccepted(t *testing.T) {
	t.Helper()
	back, away := p.Nodes[:2], p.Nodes[2]
	since := map[*cluster.Node]func() string{}
	for _, n := range back {
		since[n] = logFrom(n)
		n.Start()
	}
	for _, n := range back {
		p.nobodyServes(t, n, since[n])
	}
	p.Kill(back...)
	for _, n := range back {
		acceptLoss(t, n)
		since[n] = logFrom(n)
		n.Start()
	}
	p.WaitReady()
	for _, n := range back {
		if strings.Contains(since[n](), guardOn) {
			t.Errorf("node %d is guarded although the loss was accepted", n.Number)
		}
	}
	since[away] = logFrom(away)
	away.Start()
	waitGuardEnds(t, away, since[away])
}

// judgeLoss compares what was acknowledged before a cut with what is there, and says what is lost.
func judgeLoss(t *testing.T, c *cluster.Cluster, run *workload.Run, cut time.Duration) string {
	t.Helper()
	reader := workload.GoRedis(c.RESP(), workload.Modes{Read: "INDEX"})
	defer reader.Close()
	ops := run.History.Ops()
	final := readAll(t, run, reader, ops)
	lost := model.LostWrites(ops, final)
	var last time.Duration
	acknowledged := 0
	for _, o := range ops {
		if o.Outcome == model.OK {
			acknowledged++
			last = max(last, o.Call)
		}
		if value, found := final[o.Key]; found && (value != o.Arg || o.Outcome == model.NotApplied) {
			t.Errorf("key %s holds %q after %s", o.Key, value, o)
		}
	}
	if len(lost) == acknowledged {
		t.Errorf("all of %d acknowledged writes are lost, want those of the last moments", acknowledged)
	}
	if len(lost) == 0 {
		return fmt.Sprintf("none of %d acknowledged writes lost", acknowledged)
	}
	first := lost[0].Return
	for _, o := range lost {
		first = min(first, o.Return)
	}
	// The oldest of them was in the log before it was acknowledged, the youngest came to be written after it was asked for.
	if window := last - first; window > 2*time.Second {
		t.Errorf("writes of %v are lost, want at most 2 s", window)
	}
	return fmt.Sprintf("%d of %d acknowledged writes lost, the first %v before the last one and %v before the cut", len(lost), acknowledged, last-first, cut-first)
}
