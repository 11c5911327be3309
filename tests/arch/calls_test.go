package arch

import (
	"fmt"
	"go/ast"
	"testing"
)

// forbiddenCalls lists what no code outside of tests may use, with the reason, and where it may all the same.
var forbiddenCalls = map[string]struct {
	reason string
	except []string
}{
	"context.TODO":     {reason: "somebody owns every context"},
	"time.Sleep":       {reason: "wait for a condition, an index or a channel, with a deadline"},
	"os.Exit":          {reason: "return the error; only main ends the process", except: []string{"cmd/..."}},
	"log.Fatal":        {reason: "return the error; only main ends the process"},
	"log.Fatalf":       {reason: "return the error; only main ends the process"},
	"log.Fatalln":      {reason: "return the error; only main ends the process"},
	"log/slog.Default": {reason: "the logger is passed in"},
}

func TestNobodySleepsExitsOrMakesUpAContext(t *testing.T) {
	check(t, callViolations(tree(t)))
}

func callViolations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if inTests(p.path) {
			continue
		}
		for _, f := range p.files {
			if f.test || f.generated {
				continue
			}
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				call := f.call(sel)
				if rule, forbidden := forbiddenCalls[call]; forbidden && !matchesAny(rule.except, p.path) {
					found = append(found, fmt.Sprintf("%s: %s: %s", f.pos(sel), call, rule.reason))
				}
				return true
			})
		}
	}
	return found
}
