package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest  = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	namedTable = regexp.MustCompile(`-(fault|workload) ([a-z,-]+)`)
)

// The README names a test beside each promise. Each of those is there, and so is each fault and each workload.
func TestWhatTheREADMENamesIsThere(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, names := map[string]bool{}, map[string]bool{}
	for _, p := range tree(t) {
		for _, f := range p.files {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					tests[n.Name.Name] = tests[n.Name.Name] || f.test
				case *ast.KeyValueExpr:
					key, isKey := n.Key.(*ast.Ident)
					value, isText := n.Value.(*ast.BasicLit)
					if isKey && isText && strings.EqualFold(key.Name, "name") {
						names[p.path+" "+strings.Trim(value.Value, `"`)] = true
					}
				}
				return true
			})
		}
	}
	found := 0
	for _, m := range namedTest.FindAllStringSubmatch(string(readme), -1) {
		if found++; !tests[m[1]] {
			t.Errorf("README.md names %s, which is no test", m[1])
		}
	}
	folders := map[string]string{"fault": "tests/robustness", "workload": "tests/workload"}
	for _, m := range namedTable.FindAllStringSubmatch(string(readme), -1) {
		for _, name := range strings.Split(m[2], ",") {
			if found++; name != "x" && !names[folders[m[1]]+" "+name] {
				t.Errorf("README.md says -%s %s, which %s does not have", m[1], name, folders[m[1]])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d names found in README.md", found)
	}
}
