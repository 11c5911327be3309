// Package redistest starts a redis-server 7.0 for tests that compare with it.
package redistest

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// lifetime bounds a server whose test hangs.
	lifetime = 10 * time.Minute
	// listenMax bounds how long it may take until a server listens.
	listenMax = 20 * time.Second
)

// Start starts a redis-server that keeps nothing on disk, with further flags, and returns its address, a Unix socket on which it
// listens. It has no port by itself, and ends with the test. Without redis-server 7.0 the test is skipped.
func Start(t testing.TB, flags ...string) (socket string) {
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
	socket = filepath.Join(dir, "s")
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	var output bytes.Buffer
	server := exec.CommandContext(ctx, path, append([]string{
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no", "--rdbcompression", "no",
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
	awaitListening(t, socket)
	return socket
}

func awaitListening(t testing.TB, socket string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(listenMax)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatalf("redis-server does not listen: %v", err)
		case <-tick.C:
		}
	}
}
