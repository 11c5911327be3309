package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/node"
)

func TestFsyncPoliciesThatLoseTheLogAreRefused(t *testing.T) {
	for _, c := range []struct{ store, policy, want string }{
		{"wal", "always", ""}, {"wal", "everysec", ""}, {"wal", "no", ""}, {"bolt", "always", ""},
		{"bolt", "everysec", "lose the whole file"}, {"bolt", "no", "lose the whole file"},
		{"wal", "sometimes", "use always"}, {"wal", "", "use always"}, {"bolt", "sometimes", "use always"},
		{"file", "always", "use wal or bolt"}, {"", "always", "use wal or bolt"},
	} {
		var cfg node.Config
		if err := cfg.SetLog(c.store, c.policy); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("--log-store=%s --appendfsync=%s: %v, want %q", c.store, c.policy, err, c.want)
		}
	}
}

func TestServerFlagsThatMakeNoSenseAreRefusedByName(t *testing.T) {
	for _, c := range []struct {
		change    func(*node.Config)
		advertise string
		want      string // "" where the flags are good
	}{
		{func(*node.Config) {}, "", ""},
		{func(*node.Config) {}, "holt-1.example", ""},
		{func(*node.Config) {}, "10.0.0.1", ""},
		{func(*node.Config) {}, "2001:db8::1", ""},
		{func(*node.Config) {}, "10.0.0.1:6379", "--advertise="},
		{func(*node.Config) {}, "[2001:db8::1]", "--advertise="},
		{func(*node.Config) {}, "http://x", "--advertise="},
		{func(c *node.Config) { c.Dir = "" }, "", "--dir"},
		{func(c *node.Config) { c.Limits.ValueBytesMax = 0 }, "", "--max-value-bytes"},
		{func(c *node.Config) { c.Limits.ValueBytesMax = -1 }, "", "--max-value-bytes"},
		{func(c *node.Config) { c.Limits.ValueBytesMax = 1 }, "", ""},
		{func(c *node.Config) { c.Limits.ValueBytesMax = node.ValueBytesLimit }, "", ""},
		{func(c *node.Config) { c.Limits.ValueBytesMax = node.ValueBytesLimit + 1 }, "", "--max-value-bytes"},
		{func(c *node.Config) { c.ClientsMax = 0 }, "", "--maxclients"},
		{func(c *node.Config) { c.Listen.RESP = "6379" }, "", "--resp"},
		{func(c *node.Config) { c.Listen.Gossip = "" }, "", "--gossip"},
		{func(c *node.Config) { c.Advertise.Cluster = "host" }, "", "--advertise-cluster"},
		{func(c *node.Config) { c.Join = []string{"a:1", "b"} }, "", "--join=b"},
		{func(c *node.Config) { c.Join = []string{":1"} }, "", "--join"},
		{func(c *node.Config) { c.Join = []string{"a:0"} }, "", "--join"},
		{func(c *node.Config) { c.Join = []string{"a:1", "[::1]:2"} }, "", ""},
	} {
		cfg := node.Config{Dir: "d", Listen: node.DefaultListen(), ClientsMax: 1}
		cfg.Limits.ValueBytesMax = 8 << 20
		c.change(&cfg)
		if err := checkServer(cfg, c.advertise); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, --advertise=%q: %v, want %q", cfg, c.advertise, err, c.want)
		}
	}
}

// The defaults of the flags have to pass the check of the flags.
func TestDefaultsOfTheServerAreGood(t *testing.T) {
	c := serverCommand()
	c.SetArgs([]string{"--dir", "/proc/holt"})
	c.SilenceErrors, c.SilenceUsage = true, true
	if err := c.Execute(); err == nil || !strings.Contains(err.Error(), "data folder /proc/holt") {
		t.Errorf("err %v, want that of the folder alone", err)
	}
}

func TestInitTakesWholeMillisecondsOnly(t *testing.T) {
	for _, args := range [][]string{{"--lease=-1ms"}, {"--lease-max=1500us"}, {"--heartbeat=1ns"}} {
		root := &cobra.Command{SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(clusterCommand())
		root.SetArgs(append([]string{"cluster", "init", "--addr", "127.0.0.1:1"}, args...))
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), "whole milliseconds") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestDevRefusesWhatItCannotRun(t *testing.T) {
	for _, c := range []struct {
		d    dev
		want string
	}{
		{dev{nodes: 0, port: 7001}, "--nodes=0"},
		{dev{nodes: devNodesMax + 1, port: 7001}, "--nodes=100"},
		{dev{nodes: 3, port: 0}, "--port=0"},
		{dev{nodes: 3, port: 65535}, "--port=65535"},
		{dev{nodes: 3, port: 1<<63 - 1}, "--port="},
		{dev{nodes: 3, port: 7001, replicas: 2}, "use 1, 3 or 5"},
		{dev{nodes: 5, port: 7001, replicas: 4}, "use 1, 3 or 5"},
		{dev{nodes: 9, port: 7001, replicas: 7}, "use 1, 3 or 5"},
		{dev{nodes: 3, port: 7001, replicas: 5}, "only 3 nodes"},
	} {
		c.d.dir = t.TempDir()
		if err := c.d.prepare(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
	}
}

func TestDevDoesNotLeaveNodesBehind(t *testing.T) {
	d := dev{dir: filepath.Join(t.TempDir(), "with [a] pattern"), nodes: 2, port: 7001}
	if err := os.MkdirAll(filepath.Join(d.dir, "node-3"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "node-3", "identity.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.prepare(); err == nil || !strings.Contains(err.Error(), "use --nodes=3") {
		t.Errorf("fewer nodes than the folder has: %v", err)
	}
}

func TestDevFindsAPortInUseBeforeItStartsNodes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// The port is the gossip port of the second node.
	d := dev{dir: t.TempDir(), nodes: 3, port: l.Addr().(*net.TCPAddr).Port - gossipOffset - 1}
	if err := d.prepare(); err == nil || !strings.Contains(err.Error(), "--port") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("err %v", err)
	}
}

func TestDevMakesNoSecondClusterBesideTheOneInItsFolder(t *testing.T) {
	d := dev{dir: t.TempDir(), nodes: 3}
	write := func(i int, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(d.identity(i)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.identity(i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(1, `{"nodeId":"aa"}`)
	write(2, `{"nodeId":"bb"}`)
	if d.belong() {
		t.Error("new nodes belong to a cluster")
	}
	if !d.isNode(1, "aa") || d.isNode(1, "bb") || d.isNode(3, "aa") || d.isNode(1, "") {
		t.Error("nodes are not told apart")
	}
	write(2, `{"nodeId":"bb","clusterId":"c"}`)
	if !d.belong() {
		t.Error("the cluster of the second node is not seen, and the first would found another")
	}
}

func TestPrintedCommandsSurviveAShell(t *testing.T) {
	for word, want := range map[string]string{
		"holt": "holt", "/a-b_c/1.2:3,4=5@6": "/a-b_c/1.2:3,4=5@6", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "ä": "'ä'",
	} {
		if got := quoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

func TestLastLineOfALongLogIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("some line\n", 1<<16)+"the end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := lastLine(path); got != "the end" {
		t.Errorf("%q", got)
	}
}

func TestRecoverTakesARunningNodeOrAFolder(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--survivors", "x"}, "name its data folder with --dir"},
		{[]string{"--shard", "1"}, "name its data folder with --dir"},
		{[]string{"--dir", t.TempDir(), "--addr", "127.0.0.1:1"}, "use one of them"},
		{[]string{"--dir", t.TempDir()}, "no data folder of a node"},
		{[]string{"--dir", t.TempDir(), "--shard", "-1"}, "invalid"},
	} {
		root := clusterCommand()
		root.SilenceUsage, root.SilenceErrors = true, true
		root.SetArgs(append([]string{"recover"}, c.args...))
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("recover %v: %v, want %q", c.args, err, c.want)
		}
	}
}
