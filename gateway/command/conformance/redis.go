package conformance

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/command/redistest"
)

// patience bounds every wait for a server; a command that waits longer for its reply hangs.
const patience = 20 * time.Second

// StartRedis starts a redis-server of one node that is a whole cluster, and returns its address, a Unix socket. It ends with
// the test. Without redis-server 7.0 the test is skipped.
func StartRedis(t testing.TB, flags ...string) string {
	t.Helper()
	socket := redistest.Start(t, append([]string{
		"--port", freePort(t), "--cluster-port", freePort(t), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
	}, flags...)...)
	s := Dial(t, "unix", socket, 2)
	s.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	await(t, "the Redis cluster is whole", func() bool {
		return strings.Contains(string(s.Do("CLUSTER", "INFO")), "cluster_state:ok")
	})
	s.hangUp()
	return socket
}

// freePort is a port that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
