package scale

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/cluster"
)

// all makes tests run at their full size, those that take long included.
var all = flag.Bool("all", false, "run everything at full size: minutes, on a machine that does nothing else")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := cluster.Cleanup(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}
