package clients

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

// atOnce is how many tests run side by side: each has a cluster of its own, which mostly waits to be asked.
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

// tool is the path of a program; without it the test is skipped.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here: install %s to have this test run", name, from)
	}
	return path
}

// run runs a tool and returns what it says.
func run(t *testing.T, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", path, args, err, out)
	}
	return string(out)
}
