package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

// core is what every replica runs on the same log and must end in the same state.
var core = []string{"raftfsm/entry", "raftfsm/store", "raftfsm/store/slab", "raftfsm/session", "raftfsm/meta"}

// coreForbids lists what would let replicas differ: randomness, the outside world, loggers, an order that differs from
// run to run (maphash has a random seed).
var coreForbids = []string{
	"context", "crypto/rand/...", "hash/maphash", "io/fs", "io/ioutil", "log/...", "math/rand/...", "net/...", "os/...",
	"plugin", "testing/...",
}

// coreOnlyIn lists what some packages of the core need, and no other: store and meta have readers beside their one writer,
// the slabs are anonymous memory maps that are unmapped when nobody has them any more, and the store changes access stamps
// in them atomically.
var coreOnlyIn = map[string][]string{
	"sync/...":    {"raftfsm/store", "raftfsm/store/slab", "raftfsm/session", "raftfsm/meta"},
	"syscall":     {"raftfsm/store/slab"},
	"runtime/...": {"raftfsm/store/slab"},
	"unsafe":      {"raftfsm/store"},
}

// clock lists what makes package time look at the clock or start one. Its types are welcome.
var clock = []string{
	"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker",
	"time.Sleep",
}

func TestDeterministicCoreHasNoClockRandomnessInputOrGoroutine(t *testing.T) {
	check(t, coreViolations(tree(t)))
}

func coreViolations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if !slices.Contains(core, p.path) {
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			found = append(found, coreImportViolations(p, f)...)
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					found = append(found, fmt.Sprintf("%s: the deterministic core starts no goroutine", f.pos(n)))
				case *ast.SelectorExpr:
					if call := f.call(n); slices.Contains(clock, call) {
						found = append(found, fmt.Sprintf("%s: the deterministic core must not use %s", f.pos(n), call))
					}
				}
				return true
			})
		}
	}
	return found
}

func coreImportViolations(p pkg, f file) []string {
	var found []string
	for _, spec := range f.syntax.Imports {
		imported := importPath(spec)
		if matchesAny(coreForbids, imported) {
			found = append(found, fmt.Sprintf("%s: the deterministic core must not import %s", f.pos(spec), imported))
		}
		for pattern, homes := range coreOnlyIn {
			if matches(pattern, imported) && !slices.Contains(homes, p.path) {
				found = append(found, fmt.Sprintf("%s: of the deterministic core only %v may import %s", f.pos(spec), homes, imported))
			}
		}
		if spec.Name != nil && spec.Name.Name == "." {
			found = append(found, fmt.Sprintf("%s: a dot import hides what is called", f.pos(spec)))
		}
	}
	return found
}
