package clients

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

func TestMain(m *testing.M) {
	// A pool of go-redis that was closed while its node was down looks once more whether the node is back.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	goleak.VerifyTestMain(m, dialing, goleak.Cleanup(func(code int) { os.Exit(cluster.CleanedUp(code)) }))
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
