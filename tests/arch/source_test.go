package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/holtcache/holt"

// pkg is one package of the tree, test files included.
type pkg struct {
	path  string // relative to the module: "shard/executor"
	files []file
}

// file is one parsed source file.
type file struct {
	name      string // relative to the module
	test      bool   // ends in _test.go
	generated bool
	syntax    *ast.File
	fset      *token.FileSet
}

// pos is where n stands, for messages.
func (f file) pos(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.fset.Position(n.Pos()).Line)
}

// imports lists the import paths of the file.
func (f file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths
}

// call names what a selector refers to, "time.Now" say, if its left side is an imported package; "" otherwise.
func (f file) call(sel *ast.SelectorExpr) string {
	name, ok := sel.X.(*ast.Ident)
	if !ok || name.Obj != nil { // Obj is set for what the file itself declares: a variable, not a package
		return ""
	}
	for _, spec := range f.syntax.Imports {
		imported := importPath(spec)
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == name.Name {
			return imported + "." + sel.Sel.Name
		}
	}
	return ""
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has accepted it as a string literal
	}
	return p
}

// tree lists every package of the module.
func tree(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := loadTree()
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) < 5 {
		t.Fatalf("only %d packages found: the rules would hold for nothing", len(pkgs))
	}
	return pkgs
}

var loadTree = sync.OnceValues(func() ([]pkg, error) {
	root, err := filepath.Abs("../..") // a test runs in the folder of its package
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return nil, fmt.Errorf("find the root of the module: %w", err)
	}
	byFolder := map[string]*pkg{}
	// Every file counts, also those that build tags leave out here. The folders are read by the test itself, and not by
	// the go command, because the test cache knows then that a new file makes a new result.
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && (isForeign(entry.Name()) || isModule(name)) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parse(name, nil)
		if err != nil {
			return err
		}
		if f.name, err = filepath.Rel(root, name); err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(f.name))
		if byFolder[folder] == nil {
			byFolder[folder] = &pkg{path: folder}
		}
		byFolder[folder].files = append(byFolder[folder].files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var pkgs []pkg
	for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
		pkgs = append(pkgs, *byFolder[folder])
	}
	return pkgs, nil
})

// isForeign tells whether a folder holds no package of ours: what the go command leaves out, what npm and we put there.
func isForeign(folder string) bool {
	return strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_") ||
		slices.Contains([]string{"testdata", "node_modules", "holt-data"}, folder)
}

// isModule tells whether a folder is a module of its own, with dependencies that are not ours.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// parse reads one file; src nil means from disk.
func parse(name string, src any) (file, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, name, src, parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	return file{
		name:      name,
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax),
		syntax:    syntax,
		fset:      fset,
	}, nil
}

// matches tells whether a package is meant by a pattern: its path, or "x/..." for x and all below it.
func matches(pattern, pkgPath string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkgPath == base || strings.HasPrefix(pkgPath, base+"/")
	}
	return pattern == pkgPath
}

func matchesAny(patterns []string, pkgPath string) bool {
	for _, p := range patterns {
		if matches(p, pkgPath) {
			return true
		}
	}
	return false
}

// inTests tells whether a package is below tests/, which imports what it likes and is imported by nobody.
func inTests(pkgPath string) bool { return matches("tests/...", pkgPath) }

// check fails the test once for each violation.
func check(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}
