package cluster_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

var (
	failovers = flag.Int("failovers", 3, "how many leaders the failover test kills; 20 or more for figures")
	rounds    = flag.Int("rounds", 1, "how many faults of its kind each history goes through")
	faults    = flag.Int("diskfaults", 1, "how many times each fault of a disk happens")
	all       = flag.Bool("all", false, "also what `make robustness` goes through in its own way: bad links, processes, clients of both kinds")
	seed      = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the workloads")
)

// needsAll keeps a test out of `make test`, which has minutes.
func needsAll(t *testing.T) {
	t.Helper()
	if !*all {
		t.Skip("make networkfaults, or make elastic, runs it (-args -all); make robustness has faults of this kind too")
	}
}

// atOnce is how many tests run side by side. Clusters mostly wait: for elections, for clients, for a condition that is looked at again.
// Each has its own ports, folders and networks. Tests that judge how long something takes are not parallel; nor are those of -all.
const atOnce = "2"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // what the command line says counts more
		panic(err)
	}
	// A pool of go-redis that was closed while its node was down looks once more whether the node is back.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	// A client of rueidis that was closed still wakes up once for what it has put off: a look at the slot map, the end of a connection.
	looking := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")
	ending := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2")
	redirecting := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient).redirectOrNew.func1")
	goleak.VerifyTestMain(m, dialing, looking, ending, redirecting, goleak.Cleanup(func(code int) { os.Exit(cluster.CleanedUp(code)) }))
}
