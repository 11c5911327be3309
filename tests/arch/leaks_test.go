package arch

import (
	"fmt"
	"go/ast"
	"testing"
)

// A goroutine that outlives the tests of its package has no owner. Every package looks for them, also one that starts none
// today: the check is a line, and nobody has to remember it later.
func TestEveryPackageWithTestsLooksForGoroutinesLeftBehind(t *testing.T) {
	check(t, leakViolations(tree(t)))
}

func leakViolations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		tests, checked := false, false
		for _, f := range p.files {
			if !f.test {
				continue
			}
			tests = true
			for _, decl := range f.syntax.Decls {
				if main, ok := decl.(*ast.FuncDecl); ok && main.Recv == nil && main.Name.Name == "TestMain" {
					checked = checked || calls(f, main, "go.uber.org/goleak.VerifyTestMain")
				}
			}
		}
		if tests && !checked {
			found = append(found, fmt.Sprintf("%s has tests, and no TestMain that calls goleak.VerifyTestMain", p.path))
		}
	}
	return found
}

// calls tells whether a part of a file uses a function of a package.
func calls(f file, part ast.Node, name string) bool {
	found := false
	ast.Inspect(part, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		found = found || ok && f.call(sel) == name
		return true
	})
	return found
}
