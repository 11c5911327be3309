package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// edges lists, for each package, the packages of ours that it may import. A package that is missing here has not been
// thought about: add it with the edges it needs and no more. It may stand here before it exists.
var edges = map[string][]string{
	"proto/slot":            {},
	"proto/apierr":          {"proto/slot"},
	"proto/holt/cache/v1":   {},
	"proto/holt/cluster/v1": {"proto/holt/cache/v1"},
	"proto/holt/storage/v1": {},
	"proto/holt/node/v1":    {"proto/holt/cache/v1", "proto/holt/cluster/v1"},

	"raftfsm/entry": {"proto/slot"},
	"raftfsm/store": {"raftfsm/store/slab", "raftfsm/entry", "raftfsm/session", "proto/slot"},
	// Anonymous memory maps: memory, not input and output. It knows nothing of keys.
	"raftfsm/store/slab": {},
	"raftfsm/session":    {"proto/slot"},
	"raftfsm/meta":       {"proto/slot", "proto/apierr", "proto/holt/storage/v1"},
	"raftfsm":            {"raftfsm/...", "proto/..."},

	// What moves bytes, keeps logs or gossips knows nothing of what they mean.
	"shard/logstore":  {},
	"shard/transport": {"proto/slot"},
	// A disk that can crash, for tests (see testSupport).
	"shard/logstore/crashstore": {"shard/logstore"},
	"shard/gossip":              {"proto/slot"},
	"shard/feed":                {"raftfsm/entry", "proto/slot"},
	// Simulation drives the executor with another consensus below it: no shard package, no Raft.
	"shard/executor":  {"raftfsm", "raftfsm/entry", "raftfsm/session", "raftfsm/store", "proto/slot", "proto/apierr"},
	"shard":           {"shard/executor", "shard/feed", "shard/logstore", "shard/transport", "raftfsm/...", "proto/slot", "proto/apierr"},
	"shard/placement": {"raftfsm/meta", "proto/..."},
	// It knows raft as little as the executor does.
	"shard/migration": {"shard/executor", "raftfsm", "raftfsm/entry", "raftfsm/meta", "raftfsm/session", "raftfsm/store", "proto/slot", "proto/apierr", "proto/holt/storage/v1"},
	"shard/host":      {"shard/...", "raftfsm/...", "proto/..."},

	"gateway/resp":   {},
	"gateway/socket": {},
	"gateway/certs":  {},
	// Certificates for tests (see testSupport).
	"gateway/certs/certstest":     {},
	"gateway/ops":                 {"gateway/ops/rdb", "gateway/ops/xxh3", "raftfsm/entry", "raftfsm/store", "proto/slot", "proto/apierr"},
	"gateway/ops/rdb":             {"raftfsm/entry"},
	"gateway/ops/xxh3":            {},
	"gateway/ops/opstest":         {"raftfsm/entry", "raftfsm/store", "proto/slot", "proto/apierr"}, // a shard as a map, for tests (see testSupport)
	"gateway/script":              {"gateway/resp", "proto/apierr"},
	"gateway/command":             {"gateway/ops", "gateway/resp", "gateway/script", "proto/..."},
	"gateway/command/redistest":   {},                                                               // a Redis, for tests (see testSupport)
	"gateway/command/conformance": {"gateway/command", "gateway/command/redistest", "gateway/resp"}, // a Redis beside the table, for tests (see testSupport)
	"gateway/router":              {"gateway/ops", "proto/..."},                                     // reaches shards through an interface that it declares
	"gateway/client":              {"proto/..."},                                                    // what a user of Holt links: the contract, no server
	"gateway/acl":                 {"gateway/command", "proto/..."},
	"gateway/proxy":               {"gateway/ops", "gateway/resp", "gateway/router", "proto/..."},
	"gateway/respserver":          {"gateway/acl", "gateway/command", "gateway/proxy", "gateway/ops", "gateway/resp", "gateway/router", "raftfsm/store", "proto/..."}, // store.Item is what an ops.Reader lends
	"gateway/grpcserver":          {"gateway/acl", "gateway/command", "gateway/ops", "gateway/router", "proto/..."},
	"gateway/metrics":             {"gateway/respserver", "shard/executor", "shard/logstore", "shard/transport"}, // what they count, as they tell it
	"gateway/dashboard":           {"gateway/router", "proto/..."},                                               // what there is to see comes through an interface that it declares
	"gateway/node":                {"gateway/...", "shard/...", "raftfsm/...", "proto/..."},

	"cmd/holt": {"gateway/node", "gateway/client", "gateway/certs", "proto/..."},
}

// testSupport lists the packages that only tests may import, and each other, whatever the table allows.
var testSupport = []string{"shard/logstore/crashstore", "gateway/ops/opstest", "gateway/command/conformance", "gateway/command/redistest", "gateway/certs/certstest"}

// floors, from the lowest to the highest. Test files may import whatever is on their floor or below, since they drive
// their package with the real thing rather than a mock.
var floors = []string{"proto", "raftfsm", "shard", "gateway", "cmd"}

func TestImportsGoDownAlongTheAllowedEdges(t *testing.T) {
	check(t, edgeViolations(tree(t), edges))
}

func TestTheTableOfEdgesGoesDown(t *testing.T) {
	for from, targets := range edges {
		for _, to := range targets {
			if floorOf(to) > floorOf(from) {
				t.Errorf("the table allows %s -> %s, which goes up", from, to)
			}
		}
	}
}

func edgeViolations(pkgs []pkg, edges map[string][]string) []string {
	found := map[string]bool{}
	for _, p := range pkgs {
		if inTests(p.path) {
			continue
		}
		allowed, known := edges[p.path]
		if !known {
			found[fmt.Sprintf("%s is not in the table of edges", p.path)] = true
			continue
		}
		for _, f := range p.files {
			for _, imported := range f.imports() {
				to, ours := strings.CutPrefix(imported, module+"/")
				switch {
				case !ours || to == p.path:
				case f.test && floorOf(to) <= floorOf(p.path):
				case f.test:
					found[fmt.Sprintf("%s: test of %s imports %s, which is on a higher floor", f.name, p.path, to)] = true
				case slices.Contains(testSupport, to) && !slices.Contains(testSupport, p.path):
					found[fmt.Sprintf("%s: %s is for tests only", f.name, to)] = true
				case !matchesAny(allowed, to):
					found[fmt.Sprintf("%s: %s must not import %s", f.name, p.path, to)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// floorOf is the height of a package; one that belongs to no floor, tests say, is above all.
func floorOf(pkgPath string) int {
	first, _, _ := strings.Cut(pkgPath, "/")
	if i := slices.Index(floors, first); i >= 0 {
		return i
	}
	return len(floors)
}
