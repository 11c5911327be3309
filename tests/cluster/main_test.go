package cluster_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

var (
	failovers = flag.Int("failovers", 5, "how many leaders the failover test kills; 20 or more for figures")
	rounds    = flag.Int("rounds", 2, "how many faults of its kind each history goes through")
	faults    = flag.Int("diskfaults", 1, "how many times each fault of a disk happens")
	seed      = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the workloads")
)

func TestMain(m *testing.M) {
	// A pool of go-redis that was closed while its node was down looks once more whether the node is back.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	goleak.VerifyTestMain(m, dialing, goleak.Cleanup(func(code int) {
		if err := cluster.Cleanup(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}
