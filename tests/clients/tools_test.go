package clients

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
)

func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestRedisCLIFollowsTheClusterFromAnyNode(t *testing.T) {
	cli := tool(t, "redis-cli", "redis-tools")
	c := cluster.Start(t, cluster.Options{})
	for i, n := range c.Nodes {
		at := []string{"-c", "-p", port(t, n.Addr.RESP)}
		do := func(want string, command ...string) {
			t.Helper()
			if got := strings.TrimSpace(run(t, cli, append(at, command...)...)); got != want {
				t.Errorf("node %d, %q: got %q, want %q", n.Number, command, got, want)
			}
		}
		do("OK", "set", "foo", fmt.Sprint("bar", i))
		do(fmt.Sprint("bar", i), "get", "foo")
		do(fmt.Sprint(i+1), "incr", "counter")
		do("OK", "set", "short", "v", "ex", "100")
		do("100", "ttl", "short")
		do("0", "exists", "nothing")
	}
	leader := c.Leader(c.ShardIDs()[0]).Node
	key := c.Key(c.ShardIDs()[0], "{multi}", 0)
	script := exec.CommandContext(t.Context(), cli, "-c", "-p", port(t, leader.Addr.RESP))
	script.Stdin = strings.NewReader("multi\nset " + key + " 1\nincr " + key + "\nexec\n")
	out, err := script.CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != "OK QUEUED QUEUED OK 2" {
		t.Errorf("a transaction: %q, %v", got, err)
	}
	// What a person looks at first.
	for _, question := range [][]string{{"ping"}, {"info"}, {"cluster", "nodes"}, {"cluster", "info"}, {"dbsize"}, {"command", "count"}} {
		if out := run(t, cli, append([]string{"-p", port(t, leader.Addr.RESP)}, question...)...); strings.HasPrefix(out, "ERR") || out == "" {
			t.Errorf("%q: %s", question, out)
		}
	}
	out, err = exec.CommandContext(t.Context(), cli, "--cluster", "check", leader.Addr.RESP).CombinedOutput()
	if !strings.Contains(string(out), "All 16384 slots covered") {
		t.Errorf("redis-cli --cluster check: %v\n%s", err, out)
	}
}

func TestRedisBenchmarkCompletesWithoutAnError(t *testing.T) {
	benchmark := tool(t, "redis-benchmark", "redis-tools")
	c := cluster.Start(t, cluster.Options{})
	for _, pipeline := range []string{"1", "16"} {
		out := run(t, benchmark, "--cluster", "-p", port(t, c.Nodes[0].Addr.RESP), "-t", "set,get", "-n", "5000", "-c", "50", "-P", pipeline, "-r", "10000", "-q")
		if lower := strings.ToLower(out); strings.Contains(lower, "error") || strings.Count(out, "requests per second") < 2 {
			t.Errorf("-P %s: %s", pipeline, out)
		}
		t.Logf("-P %s: %s", pipeline, out[strings.LastIndex(out, "SET"):])
	}
}

// A gateway takes tools that know nothing of clusters.
func TestPlainToolsWorkThroughAGateway(t *testing.T) {
	cli, benchmark := tool(t, "redis-cli", "redis-tools"), tool(t, "redis-benchmark", "redis-tools")
	c := cluster.Start(t, cluster.Options{})
	at := port(t, c.Gateway())
	script := exec.CommandContext(t.Context(), cli, "-p", at)
	script.Stdin = strings.NewReader("select 0\nmset a 1 b 2 c 3 d 4\nmget a b c d\ndel a b nothing\nmulti\nincr c\nincr c\nexec\ndbsize\n")
	out, err := script.CombinedOutput()
	if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != "OK OK 1 2 3 4 2 OK QUEUED QUEUED 4 5 2" {
		t.Errorf("redis-cli without -c: %q, %v", got, err)
	}
	// The gateway alone has been sent the script, and runs it wherever its keys are.
	const incr, sha = "return redis.call('incr', KEYS[1])", "2bab3b661081db58bd2341920e0ba7cf5dc77b25"
	script = exec.CommandContext(t.Context(), cli, "-p", at)
	script.Stdin = strings.NewReader(strings.ReplaceAll("script load \""+incr+"\"\nscript exists SHA\nevalsha SHA 1 e\nevalsha SHA 1 f\nevalsha SHA 1 g\nevalsha_ro SHA 1 g\n"+
		"multi\nevalsha SHA 1 g\nget g\nexec\nmulti\neval \"return 7\" 0\nexec\neval \"return redis.call('get', KEYS[1])\" 1 g\nscript flush\nevalsha SHA 1 e\n", "SHA", sha))
	out, err = script.CombinedOutput()
	want := sha + " 1 1 1 1 ERR Write commands are not allowed from read-only scripts. script: " + sha + ", on @user_script:1. " +
		"OK QUEUED QUEUED 2 2 OK QUEUED 7 2 OK NOSCRIPT No matching script. Please use EVAL."
	if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
		t.Errorf("scripts through a gateway: %v\n got %q\nwant %q", err, got, want)
	}
	for _, pipeline := range []string{"1", "16"} {
		out := run(t, benchmark, "-p", at, "-t", "set,get,incr,mset", "-n", "3000", "-c", "20", "-P", pipeline, "-r", "10000", "-q")
		if lower := strings.ToLower(out); strings.Contains(lower, "error") || strings.Count(out, "requests per second") < 4 {
			t.Errorf("-P %s: %s", pipeline, out)
		}
	}
}

func TestRedisPyWorksWithTheCluster(t *testing.T) {
	python := ""
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), path, "-c", "import redis.cluster").Run() == nil {
			python = path
			break
		}
	}
	if python == "" {
		t.Skip("no Python with redis-py here: install python3-redis to have this test run")
	}
	c := cluster.Start(t, cluster.Options{})
	t.Log(run(t, python, filepath.Join("testdata", "redispy.py"), port(t, c.Nodes[0].Addr.RESP)))
}

func TestStubsMadeInJavaScriptWork(t *testing.T) {
	node := tool(t, "node", "nodejs")
	if matches, err := filepath.Glob("grpcjs/node_modules/@grpc/grpc-js/package.json"); err != nil || len(matches) == 0 {
		t.Skip("no modules in tests/clients/grpcjs: run make tools to have this test run")
	}
	c := cluster.Start(t, cluster.Options{})
	for _, n := range c.Nodes {
		out := run(t, node, filepath.Join("grpcjs", "client.mjs"), n.Addr.GRPC)
		if !strings.Contains(out, " passed, 0 failed") {
			t.Errorf("node %d: %s", n.Number, out)
		}
	}
}
