package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for a server; a command that waits longer for its reply hangs.
const patience = 20 * time.Second

// StartRedis starts a redis-server of one node that is a whole cluster, and returns its address, a Unix socket. It ends with
// the test. Without redis-server 7.0 the test is skipped.
func StartRedis(t testing.TB, flags ...string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed, so there is nothing to compare with: install Redis 7.0")
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil || !strings.Contains(string(version), " v=7.0.") {
		t.Skipf("redis-server is not 7.0, whose behaviour Holt follows: %s", version)
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	var output bytes.Buffer
	server := exec.CommandContext(ctx, path, append([]string{
		"--port", freePort(t), "--cluster-port", freePort(t), "--bind", "127.0.0.1", "--unixsocket", socket, "--dir", dir, "--save", "",
		"--appendonly", "no", "--cluster-enabled", "yes", "--rdbcompression", "no",
	}, flags...)...)
	server.Stdout, server.Stderr = &output, &output
	if err := server.Start(); err != nil {
		cancel()
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		cancel() // kills it
		_ = server.Wait()
		if t.Failed() {
			t.Logf("redis-server:\n%s", output.String())
		}
	})
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
