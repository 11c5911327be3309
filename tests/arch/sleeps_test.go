package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"testing"
)

// sleepers lists where tests may let time pass without a condition, by package or file, with the reason. Elsewhere they wait
// for something: between two looks at it a loop may sleep, in its post statement, and a select may give up or look again
// after a time. In a function that is given to synctest.Test time costs nothing.
var sleepers = map[string]string{
	"tests/sim":                          "every simulation runs in a bubble of synctest",
	"shard/executor/propose_test.go":     "a log at a distance, in a bubble of synctest",
	"shard/placement/controller_test.go": "the world of these tests is a bubble of synctest",
	"shard/transport/overcommit_test.go": "a slow disk, in a bubble of synctest",
	"shard/transport/snapshot_test.go":   "a slow reader, in a bubble of synctest",
	"tests/bench/load/load_test.go":      "a server that stalls is what is measured",
	"tests/scale/gossip_test.go":         "many nodes in a bubble of synctest",
}

func TestTestsWaitForConditionsAndNotForTime(t *testing.T) {
	pkgs := tree(t)
	check(t, sleepViolations(pkgs, sleepers))
	for name := range sleepers {
		less := maps.Clone(sleepers)
		delete(less, name)
		if len(sleepViolations(pkgs, less)) == 0 {
			t.Errorf("%s is listed, and does not sleep", name)
		}
	}
}

func sleepViolations(pkgs []pkg, except map[string]string) []string {
	var found []string
	for _, p := range pkgs {
		for _, f := range p.files {
			if !f.test && !inTests(p.path) || except[p.path] != "" || except[f.name] != "" {
				continue
			}
			inspectWithParents(f.syntax, func(n ast.Node, parents []ast.Node) {
				if sleeps(f, n, parents) && !inBubble(f, parents) {
					found = append(found, fmt.Sprintf("%s: a test waits for a condition, not for time to pass", f.pos(n)))
				}
			})
		}
	}
	return found
}

// sleeps tells whether a node lets time pass and does nothing else: time.Sleep, but between two looks of a loop, or a receive
// from time.After outside of a select.
func sleeps(f file, n ast.Node, parents []ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		return f.call(n) == "time.Sleep" && !isPost(parents)
	case *ast.UnaryExpr:
		call, ok := n.X.(*ast.CallExpr)
		if !ok || n.Op != token.ARROW {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || f.call(sel) != "time.After" {
			return false
		}
		_, chosen := parents[len(parents)-2].(*ast.CommClause)
		return !chosen
	}
	return false
}

// isPost tells whether what is called stands behind the second semicolon of a for statement.
func isPost(parents []ast.Node) bool {
	if len(parents) < 3 {
		return false
	}
	loop, ok := parents[len(parents)-3].(*ast.ForStmt)
	return ok && loop.Post == parents[len(parents)-2]
}

// inBubble tells whether a node stands in a function that is given to synctest.Test.
func inBubble(f file, parents []ast.Node) bool {
	for i, parent := range parents {
		if _, ok := parent.(*ast.FuncLit); !ok || i == 0 {
			continue
		}
		call, ok := parents[i-1].(*ast.CallExpr)
		if !ok {
			continue
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && f.call(sel) == "testing/synctest.Test" {
			return true
		}
	}
	return false
}

// inspectWithParents visits every node with those that it is part of, the outermost first.
func inspectWithParents(root ast.Node, visit func(n ast.Node, parents []ast.Node)) {
	var parents []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			parents = parents[:len(parents)-1]
			return false
		}
		visit(n, parents)
		parents = append(parents, n)
		return true
	})
}
