package scale

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

// all makes tests run at their full size, those that take long included.
var all = flag.Bool("all", false, "run everything at full size: minutes, on a machine that does nothing else")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.Exit(cluster.CleanedUp(code)) }))
}
