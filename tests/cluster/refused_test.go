package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
)

// What can't work is refused at once, with what to do.
func TestWhatCannotWorkIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	n := c.Nodes[0]
	fresh := cluster.New(t, cluster.Options{Nodes: 1}).Nodes[0]
	uninitialized := cluster.New(t, cluster.Options{Nodes: 1}).Nodes[0]
	uninitialized.Start()
	cluster.Eventually(t, "the node answers", func() error { _, err := uninitialized.Status(); return err })

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(flag, value string) []string { return append(fresh.Command(), flag, value) }
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"RESP port in use", with("--resp", n.Addr.RESP), []string{"RESP address " + n.Addr.RESP + " is in use by another process", "--resp"}},
		{"gRPC port in use", with("--grpc", n.Addr.RESP), []string{"in use by another process", "--grpc"}},
		{"cluster port in use", with("--cluster", n.Addr.RESP), []string{"in use by another process", "--cluster"}},
		{"gossip port in use", with("--gossip", n.Addr.Gossip), []string{"in use by another process", "--gossip"}},
		{"HTTP port in use", with("--http", n.Addr.RESP), []string{"in use by another process", "--http"}},
		{"unwritable folder", with("--dir", filepath.Join(file, "data")), []string{"data folder", "choose another with --dir"}},
		{"address of all interfaces", with("--resp", "0.0.0.0:0"), []string{"all addresses of this machine", "--advertise"}},
		{"everysec with bolt", append(with("--log-store", "bolt"), "--appendfsync", "everysec"), []string{"--log-store=bolt", "everysec", "use always"}},
		{"unknown log store", with("--log-store", "file"), []string{"--log-store=file", "use wal or bolt"}},
		{"unknown policy", with("--appendfsync", "often"), []string{"--appendfsync=often", "use always"}},
		{"unknown log level", with("--log-level", "loud"), []string{"--log-level=loud", "debug, info, warn or error"}},
		{"dev with 2 replicas", []string{"dev", "--replicas", "2"}, []string{"--replicas=2", "use 1, 3 or 5"}},
		{"dev with more replicas than nodes", []string{"dev", "--replicas", "5"}, []string{"--replicas=5", "--nodes"}},
		{"dev without nodes", []string{"dev", "--nodes", "0"}, []string{"--nodes=0"}},
		{"init with 2 replicas", []string{"cluster", "init", "--addr", uninitialized.Addr.GRPC, "--expect-nodes", "3", "--replicas", "2"}, []string{"2", "use 1, 3 or 5"}},
		{"init of a cluster", []string{"cluster", "init", "--addr", n.Addr.GRPC}, []string{"belongs to cluster", "nothing was changed"}},
		{"status at no node", []string{"cluster", "status", "--addr", fresh.Addr.GRPC}, []string{fresh.Addr.GRPC}},
		{"status at a RESP port", []string{"cluster", "status", "--addr", n.Addr.RESP}, []string{n.Addr.RESP, "gRPC port"}},
		{"transfer of an unknown shard", []string{"cluster", "transfer", "--addr", n.Addr.GRPC, "--shard", "99"}, []string{"no shard 99", "holt cluster shards"}},
		{"unknown command", []string{"serve"}, []string{"serve"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, output := cluster.Run(t, tt.args...).Exit()
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			for _, part := range tt.want {
				if !strings.Contains(output, part) {
					t.Errorf("got %q, want %q in it", output, part)
				}
			}
		})
	}
	if err := n.Ready(); err != nil {
		t.Errorf("the node that was in the way: %v", err)
	}
}
