package cluster_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// devPort finds a port from which `holt dev` can count: nodes stand side by side, the kinds of ports 100 apart.
func devPort(t *testing.T, nodes int) int {
	t.Helper()
	var offsets []int
	for offset := 0; offset <= 400; offset += 100 {
		for i := range nodes {
			offsets = append(offsets, offset+i)
		}
	}
	port, err := cluster.FreePort(offsets...)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

var pidText = regexp.MustCompile(`pid (\d+)`)

// startDev starts a development cluster and returns it with the ids of its nodes' processes, once it says that it is up.
func startDev(t *testing.T, dir string, port, nodes int, flags ...string) (*cluster.Program, []int) {
	t.Helper()
	p := cluster.Run(t, append([]string{"dev", "--dir", dir, "--port", strconv.Itoa(port), "--nodes", strconv.Itoa(nodes)}, flags...)...)
	cluster.Eventually(t, "holt dev says that it is up", func() error {
		if !p.Running() {
			return cluster.Never(errors.New(p.Output()))
		}
		if !strings.Contains(p.Output(), "Ctrl-C stops all nodes") {
			return errors.New(p.Output())
		}
		return nil
	})
	var pids []int
	for _, match := range pidText.FindAllStringSubmatch(p.Output(), -1) {
		pid, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) != nodes {
		t.Fatalf("%d process ids, want %d: %s", len(pids), nodes, p.Output())
	}
	return p, pids
}

// stopDev ends a development cluster, after which none of its processes may be left.
func stopDev(t *testing.T, p *cluster.Program, pids []int, with syscall.Signal) {
	t.Helper()
	if err := p.Signal(with); err != nil {
		t.Fatal(err)
	}
	if code, output := p.Exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, output)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
}

func TestDevelopmentClusterStartsStopsAndFindsItsDataAgain(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{3, 1} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			dir, port := filepath.Join(t.TempDir(), "data"), devPort(t, nodes)
			p, pids := startDev(t, dir, port, nodes)
			client := workload.Follower([]string{fmt.Sprintf("127.0.0.1:%d", port)})
			defer client.Close()
			run := workload.NewRun(*seed)
			cluster.Eventually(t, "SET foo bar", func() error { return attempt(run, client, "foo", "bar") })
			stopDev(t, p, pids, syscall.SIGTERM)

			p, pids = startDev(t, dir, port, nodes, "--resp-mode", "proxy")
			if got := finalRead(t, run, client, "foo"); got.Value != "bar" {
				t.Errorf("after the second start: %s", got)
			}
			for i := range nodes { // none of which redirects anybody now
				readPlainly(t, fmt.Sprintf("127.0.0.1:%d", port+i))
			}
			stopDev(t, p, pids, syscall.SIGINT)
		})
	}
}

// readPlainly reads at one address what a client for clusters has written.
func readPlainly(t *testing.T, addr string) {
	t.Helper()
	conn, err := workload.Dial(addr, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cluster.Eventually(t, "GET foo at "+addr, func() error {
		if got, err := conn.Do(cluster.Deadline, "GET", "foo"); err != nil || fmt.Sprint(got) != "bar" {
			return fmt.Errorf("got %v, %w", got, err)
		}
		return nil
	})
}

// What `holt dev` prints is a promise: the named process may be killed, and the printed command starts it again.
func TestDevelopmentClusterSaysHowToStartAKilledNodeAgain(t *testing.T) {
	t.Parallel()
	dir, port := filepath.Join(t.TempDir(), "data"), devPort(t, 3)
	p, pids := startDev(t, dir, port, 3)
	client := workload.Follower([]string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)})
	defer client.Close()
	run := workload.NewRun(*seed)
	cluster.Eventually(t, "SET foo bar", func() error { return attempt(run, client, "foo", "bar") })

	victim := regexp.MustCompile(`kill -9 (\d+)`).FindStringSubmatch(p.Output())
	again := regexp.MustCompile(`Start it again:\n +\S+ (server .*)\n`).FindStringSubmatch(p.Output())
	if victim == nil || again == nil {
		t.Fatalf("no word of how to kill and start a node: %s", p.Output())
	}
	if victim[1] != strconv.Itoa(pids[2]) {
		t.Fatalf("process %s is to be killed, want the last of %v", victim[1], pids)
	}
	if err := syscall.Kill(pids[2], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cluster.Eventually(t, "the end of the node is told", func() error {
		if !strings.Contains(p.Output(), fmt.Sprintf("node 3 (pid %d) ended", pids[2])) {
			return errors.New(p.Output())
		}
		return nil
	})
	cluster.Eventually(t, "a write with one node down", func() error {
		if o := run.Attempt(client, model.Op{Kind: model.Set, Key: "foo", Arg: "baz"}); o.Outcome != model.OK {
			return errors.New(o.String())
		}
		return nil
	})
	node := cluster.Run(t, strings.Fields(again[1])...)
	cluster.Eventually(t, "the node is back", func() error {
		if !node.Running() {
			return cluster.Never(errors.New(node.Output()))
		}
		conn, err := workload.Dial(fmt.Sprintf("127.0.0.1:%d", port+2), cluster.Deadline, []string{"READONLY"}, []string{"CLIENT", "READMODE", "STALE"})
		if err != nil {
			return err
		}
		defer conn.Close()
		if reply, err := conn.Do(cluster.Deadline, "GET", "foo"); reply != "baz" {
			return fmt.Errorf("GET foo: %v, %v", reply, err)
		}
		return nil
	})
	if err := node.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, output := node.Exit(); code != 0 {
		t.Errorf("exit code %d: %s", code, output)
	}
	stopDev(t, p, pids[:2], syscall.SIGTERM)
}
