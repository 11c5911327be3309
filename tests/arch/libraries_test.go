package arch

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// library is a dependency with its home: the packages that may import it.
type library struct {
	prefix string // of the import path
	homes  []string
	// alsoTests are packages whose test files may import it besides: they drive a state machine as raft does.
	alsoTests []string
	// testsOnly: any test file may import it besides, and so may tests/.
	testsOnly bool
}

// libraries lists every dependency. tests/ may import all of them. The first prefix that fits counts.
var libraries = []library{
	{prefix: "github.com/hashicorp/raft-boltdb", homes: []string{"shard/logstore/..."}},
	{prefix: "go.etcd.io/bbolt", homes: []string{"shard/logstore"}},
	{prefix: "github.com/hashicorp/memberlist", homes: []string{"shard/gossip"}},
	{prefix: "github.com/hashicorp/raft", homes: []string{"raftfsm", "shard", "shard/logstore/...", "shard/transport", "shard/host"}, alsoTests: []string{"shard/executor", "shard/migration", "gateway/..."}},
	// The logger that hashicorp/raft and its parts ask for.
	{prefix: "github.com/hashicorp/go-hclog", homes: []string{"shard", "shard/logstore/...", "shard/transport", "shard/host"}},
	{prefix: "google.golang.org/grpc", homes: []string{"proto/...", "gateway/grpcserver", "gateway/router", "gateway/client", "gateway/node"}},
	{prefix: "google.golang.org/genproto/googleapis/rpc", homes: []string{"gateway/grpcserver", "gateway/client"}},
	// Whoever turns messages into bytes.
	{prefix: "google.golang.org/protobuf", homes: []string{"proto/...", "raftfsm", "raftfsm/meta", "shard/host", "gateway/grpcserver", "gateway/router", "gateway/client", "gateway/node"}},
	{prefix: "github.com/prometheus/client_golang", homes: []string{"gateway/metrics"}},
	{prefix: "github.com/klauspost/compress", homes: []string{"raftfsm"}},
	{prefix: "github.com/yuin/gopher-lua", homes: []string{"gateway/script"}},
	{prefix: "github.com/spf13/cobra", homes: []string{"cmd/holt"}},
	{prefix: "github.com/spf13/pflag", homes: []string{"cmd/holt"}},
	{prefix: "go.yaml.in/yaml", homes: []string{"cmd/holt"}},
	{prefix: "golang.org/x/sync", homes: []string{"shard/...", "gateway/...", "cmd/..."}},
	// Memory maps, file locks and what else the kernel has and package os has not.
	{prefix: "golang.org/x/sys", homes: []string{"raftfsm/store/slab", "shard/logstore", "shard/host", "gateway/node", "cmd/holt"}},
	{prefix: "github.com/redis/go-redis", testsOnly: true},
	{prefix: "github.com/redis/rueidis", testsOnly: true},
	{prefix: "github.com/anishathalye/porcupine", testsOnly: true},
	{prefix: "go.uber.org/goleak", testsOnly: true},
	{prefix: "pgregory.net/rapid", testsOnly: true},
}

func TestEachLibraryStaysAtHome(t *testing.T) {
	check(t, libraryViolations(tree(t), libraries))
}

// Who links the client gets no server: neither Raft, nor a log, nor gossip.
func TestClientPullsInNoServer(t *testing.T) {
	exists := false
	for _, p := range tree(t) {
		exists = exists || p.path == "gateway/client"
	}
	if !exists {
		t.Skip("there is no gateway/client yet")
	}
	deps, err := exec.Command("go", "list", "-deps", module+"/gateway/client").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(deps)) {
		dep = strings.TrimSpace(dep)
		for _, server := range []string{"github.com/hashicorp/", "go.etcd.io/bbolt", module + "/raftfsm", module + "/shard"} {
			if strings.HasPrefix(dep, server) {
				t.Errorf("gateway/client depends on %s", dep)
			}
		}
	}
}

func libraryViolations(pkgs []pkg, libraries []library) []string {
	var found []string
	for _, p := range pkgs {
		for _, f := range p.files {
			for _, imported := range f.imports() {
				if isStandard(imported) || imported == module || strings.HasPrefix(imported, module+"/") {
					continue
				}
				lib, known := libraryOf(imported, libraries)
				switch {
				case !known:
					found = append(found, fmt.Sprintf("%s: %s is not in the table of libraries", f.name, imported))
				case inTests(p.path) || matchesAny(lib.homes, p.path) || f.test && (lib.testsOnly || matchesAny(lib.alsoTests, p.path)):
				default:
					found = append(found, fmt.Sprintf("%s: %s is not at home in %s", f.name, imported, p.path))
				}
			}
		}
	}
	return found
}

func libraryOf(imported string, libraries []library) (library, bool) {
	for _, lib := range libraries {
		if matches(lib.prefix+"/...", imported) {
			return lib, true
		}
	}
	return library{}, false
}

// isStandard: only the import paths of the standard library have no dot in their first element.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}
