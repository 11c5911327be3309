package cluster_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// clockSlack is by how much keys may expire early or late while clocks step: a shard follows a wall clock that jumps by
// less than that at once, and slowly one that jumps by more.
const clockSlack = 500 * time.Millisecond

// A wall clock that jumps, at a leader or elsewhere, neither takes keys away long before their end nor brings them back, and
// a new leader goes on from where the shard's time was.
func TestKeysExpireInTheirTimeWhateverClocksDo(t *testing.T) {
	needsAll(t)
	homes := make([]cluster.Home, 3)
	for i := range homes {
		homes[i].Clock = nemesis.NewClock(t)
	}
	c := cluster.Start(t, cluster.Options{Settings: oneShard, Homes: homes})
	shard := c.ShardIDs()[0]
	run := workload.NewRun(*seed)
	t.Logf("replay with -seed %d", *seed)
	keys := c.Keys(shard)
	lane := workload.Expiring(func(i int) string { return keys("expiring", i) })
	for i := range 3 {
		run.Go(workload.GoRedis(c.RESP(), workload.Modes{Read: []string{"LEASE", "INDEX"}[i%2]}), lane, clientPause/2)
	}
	expired(t, run, "before the steps", expiredBetween)
	leader := func() *nemesis.Clock { return homes[c.Leader(shard).Node.Number-1].Clock }
	for _, makes := range []func() nemesis.Fault{
		func() nemesis.Fault { return step(time.Hour, leader()) },
		func() nemesis.Fault { return step(-24*time.Hour, leader()) },
		func() nemesis.Fault { return step(30*24*time.Hour, homes[0].Clock, homes[1].Clock, homes[2].Clock) },
		func() nemesis.Fault {
			return &nemesis.Flapping{Fault: step(10*time.Second, leader()), Random: drawing(), On: clockSlack, Off: clockSlack}
		},
	} {
		f := makes()
		nemesis.During(t, f, func() {
			expired(t, run, f.Name(), expiredBetween)
			handOver(t, c, shard)
			expired(t, run, "led by another node, "+f.Name(), expiredBetween)
		})
		expired(t, run, "after "+f.Name(), expiredBetween)
	}
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	if err := model.CheckExpiry(allowing(run.History.Ops(), clockSlack)); err != nil {
		t.Error(err)
	}
}

const expiredBetween = 8

func step(by time.Duration, clocks ...*nemesis.Clock) *nemesis.ClockStep {
	return &nemesis.ClockStep{Clocks: clocks, By: by}
}

// allowing makes reads last longer, on both sides: a read at a time that is not known better.
func allowing(ops []model.Op, slack time.Duration) []model.Op {
	for i := range ops {
		if ops[i].Kind == model.Get {
			ops[i].Call -= slack
			ops[i].Return += slack
		}
	}
	return ops
}

// What lets tests set a clock, or stop a migration, is no part of the program.
func TestProgramHasNoHookForClocksOrSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		build func() (string, error)
		hook  string
		want  bool
	}{
		{cluster.Binary, "HOLT_CLOCK_FILE", false}, {cluster.BinaryWithClock, "HOLT_CLOCK_FILE", true},
		{cluster.Binary, "HOLT_STEP_DIR", false}, {cluster.BinaryWithSteps, "HOLT_STEP_DIR", true},
	} {
		path, err := c.build()
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(program, []byte(c.hook)); got != c.want {
			t.Errorf("%s knows %s: %v, want %v", path, c.hook, got, c.want)
		}
	}
}
