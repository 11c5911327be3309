package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// All workloads that bear company run on one cluster, whole at first, then around the kill of a leader that comes back. Each
// verdict has to be green: nothing is wrong, and enough happened to prove it. The logs of the replicas are read at the end.
func TestWorkloadsAreGreenAroundTheKillOfALeader(t *testing.T) {
	needsAll(t)
	for _, kind := range []workload.ClientKind{workload.RESP, workload.GRPC} {
		t.Run(kind.String(), func(t *testing.T) {
			var together []workload.Workload
			for _, w := range workload.All() {
				if w.Alone {
					t.Run(w.Name, func(t *testing.T) { aroundAKill(t, kind, w) })
					continue
				}
				together = append(together, w)
			}
			t.Run("together", func(t *testing.T) { aroundAKill(t, kind, together...) })
		})
	}
}

func aroundAKill(t *testing.T, kind workload.ClientKind, workloads ...workload.Workload) {
	t.Helper()
	t.Logf("replay with -seed %d", *seed)
	c := cluster.Start(t, cluster.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.Deadline)
	defer cancel()
	target, shards := c.Target(), c.ShardIDs()
	config, before := workload.Config{Kind: kind, Seed: *seed}, 1500
	if len(workloads) > 1 {
		config.Clients, config.Pause, before = 3, 4*clientPause, 400
	}
	var sessions []*workload.Session
	each := func(do func(*workload.Session) error) {
		t.Helper()
		errs := make([]error, len(sessions))
		var wg sync.WaitGroup
		for i, s := range sessions {
			wg.Go(func() { errs[i] = do(s) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	more := func(operations int) {
		t.Helper()
		each(func(s *workload.Session) error { return s.WaitProgress(ctx, operations) })
	}
	for _, w := range workloads {
		s, err := w.Start(target, config)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	more(before)
	old := c.Leader(shards[0])
	var ends []func()
	for _, s := range sessions {
		ends = append(ends, s.Fault("kill-leader"))
	}
	old.Node.Kill()
	if next := c.LeaderAfter(old.Shard, old.Term); next.Node == old.Node {
		t.Fatalf("shard %d: the killed node leads in term %d", next.Shard, next.Term)
	}
	more(200)
	old.Node.Start()
	c.WaitReady()
	for _, end := range ends {
		end()
	}
	each(func(s *workload.Session) error { s.Heal(); return nil })
	each(func(s *workload.Session) error { return s.WaitAlive(ctx) })
	more(300)
	verdicts := make([]workload.Verdict, len(sessions))
	var wg sync.WaitGroup
	for i, s := range sessions {
		wg.Go(func() { verdicts[i] = s.Finish(ctx) })
	}
	wg.Wait()
	c.StopAll()
	logs := c.Logs(shards)
	for i, s := range sessions {
		v := &verdicts[i]
		s.JudgeLogs(v, logs)
		t.Log(v)
		for _, one := range v.Violations {
			t.Errorf("%s: %v: %s", v.Workload, one.Class, one.Text)
		}
		if v.Result() != workload.Green || v.LogEntries == 0 || v.GapsOf("kill-leader").Max < 10*time.Millisecond {
			t.Errorf("not green: %v", v)
		}
	}
}
