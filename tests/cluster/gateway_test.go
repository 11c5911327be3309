package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

// Plain clients of a gateway live through the death of leaders. The gateway repeats nothing that may have been applied: a counter is
// the number of acknowledged calls, plus at most those whose outcome was unknown.
func TestClientsOfAGatewayOutliveLeadersAndNothingIsAppliedTwice(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	addr := c.Gateway()
	shards := c.ShardIDs()
	var acknowledged, unknown [2]atomic.Int64
	keys := [2]string{c.Key(shards[0], "gateway", 0), c.Key(shards[1], "gateway", 0)}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			conn, err := workload.Dial(addr, cluster.Deadline)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for {
				select {
				case <-stop:
					return
				default:
				}
				reply, err := conn.Do(cluster.Deadline, "INCR", keys[i%2])
				switch {
				case err == nil:
					acknowledged[i%2].Add(1)
				case strings.HasPrefix(err.Error(), "UNKNOWN"):
					unknown[i%2].Add(1)
				case !refusedForNow(err):
					t.Errorf("INCR: %v, %v", reply, err)
					return
				}
			}
		})
	}
	more := func(what string, i int) {
		t.Helper()
		want := acknowledged[i].Load() + 100
		cluster.Eventually(t, fmt.Sprintf("%s is counted on %s", keys[i], what), func() error {
			if got := acknowledged[i].Load(); got < want {
				return fmt.Errorf("%d are missing", want-got)
			}
			return nil
		})
	}
	for i := range keys {
		more("before", i)
		victim := c.Leader(shards[i])
		victim.Node.Kill()
		more("behind a kill", i)
		victim.Node.Start()
		c.WaitReady()
	}
	close(stop)
	clients.Wait()
	conn, err := workload.Dial(addr, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, key := range keys {
		reply, err := conn.Do(cluster.Deadline, "GET", key)
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		if _, err := fmt.Sscan(fmt.Sprint(reply), &n); err != nil {
			t.Fatalf("%s is %v", key, reply)
		}
		a, u := acknowledged[i].Load(), unknown[i].Load()
		if t.Logf("%s: %d acknowledged, %d unknown", key, a, u); n < a || n > a+u {
			t.Errorf("%s is %d after %d acknowledged calls and %d of unknown outcome", key, n, a, u)
		}
	}
}

// refusedForNow tells whether an error says that nothing was applied, and that it may be later.
func refusedForNow(err error) bool {
	prefix, _, _ := strings.Cut(err.Error(), " ")
	return prefix == "CLUSTERDOWN" || prefix == "LOADING" || prefix == "TRYAGAIN"
}
