package cluster_test

import (
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// Nodes are killed, stopped, paused and restarted, alone and in majorities. What was acknowledged is there at the end, and
// all replicas hold the same.
func TestAcknowledgedWritesSurviveWhatHappensToProcesses(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards := c.ShardIDs()
	run := writing(t, c, shards)
	random := drawing()
	leader := func() *cluster.Node { return c.Leader(shards[0]).Node }
	onLeader := func() []nemesis.Program { return cluster.Programs(leader()) }
	goesOn := func() { progress(t, run, "meanwhile", writesBetween) }
	for _, f := range []struct {
		makes     func() nemesis.Fault
		meanwhile func()
	}{
		{func() nemesis.Fault { return &nemesis.Kill{Programs: onLeader()} }, goesOn},
		{func() nemesis.Fault { return &nemesis.Kill{Programs: cluster.Programs(c.Nodes...)} }, func() {}},
		{func() nemesis.Fault { return &nemesis.Terminate{Programs: onLeader()} }, goesOn},
		{func() nemesis.Fault { return &nemesis.Pause{Programs: onLeader()} }, goesOn},
		{func() nemesis.Fault {
			return &nemesis.Pause{Programs: cluster.Programs(leader(), follower(c, shards[0]))}
		}, func() {}},
		{func() nemesis.Fault { return &nemesis.Rolling{Programs: cluster.Programs(c.Nodes...), Ready: c.Ready} }, goesOn},
	} {
		instant(t, run, random)
		fault := f.makes()
		t.Log(fault.Name())
		nemesis.During(t, fault, f.meanwhile)
		allReady(t, c)
	}
	settled(t, c, run, shards)
}

// A node that gets no more memory ends, and nobody else.
func TestNodeWithoutMemoryEndsAndTheOthersGoOn(t *testing.T) {
	needsAll(t)
	c := cluster.Start(t, cluster.Options{Settings: oneShard})
	shards := c.ShardIDs()
	run := writing(t, c, shards)
	instant(t, run, drawing())
	small := c.Leader(shards[0]).Node
	nemesis.During(t, &nemesis.LowMemory{Program: cluster.Programs(small)[0], RoomBytes: 32 << 20}, func() {
		writeUntilStopped(t, c, small, 1000) // more than there is room for
		if code := small.WaitExit(); code == 0 {
			t.Error("exit code 0 of a node that has no memory")
		}
		progress(t, run, "with one node stopped", writesBetween)
	})
	settled(t, c, run, shards)
}
