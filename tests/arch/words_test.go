package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// forbiddenWords lists words for which Holt has another one, and where they are the name of something foreign.
var forbiddenWords = map[string]struct {
	instead string
	except  []string
}{
	"master":    {instead: "leader"},
	"slave":     {instead: "follower"},
	"partition": {instead: "slot or shard"},
	"bucket":    {instead: "slot", except: []string{"shard/logstore"}}, // bbolt has buckets
	"peer":      {instead: "node"},
}

// foreignNames lists methods that an interface of a library makes us spell its way.
var foreignNames = map[string]string{
	"EncodePeer": "raft.Transport",
	"DecodePeer": "raft.Transport",
}

// flagMethod matches the methods with which cobra's flag sets declare a flag.
var flagMethod = regexp.MustCompile(`^(Bool|String|Int|Int32|Int64|Uint|Uint16|Uint32|Uint64|Float64|Duration|StringSlice|StringArray)?(Var)?P?$`)

func TestExportedNamesAndFlagsUseTheWordTable(t *testing.T) {
	check(t, wordViolations(tree(t)))
}

func wordViolations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if inTests(p.path) {
			continue
		}
		for _, f := range p.files {
			if f.test || f.generated {
				continue
			}
			report := func(n ast.Node, name string) {
				for _, word := range words(name) {
					rule, forbidden := forbiddenWords[strings.TrimSuffix(word, "s")]
					if forbidden && !matchesAny(rule.except, p.path) {
						found = append(found, fmt.Sprintf("%s: %s: Holt says %s", f.pos(n), name, rule.instead))
					}
				}
			}
			for _, name := range exportedNames(f.syntax) {
				if foreignNames[name.Name] == "" {
					report(name, name.Name)
				}
			}
			for _, flag := range flagNames(f.syntax) {
				report(flag, flag.Value)
			}
		}
	}
	return found
}

// exportedNames lists what a file declares for others: package-level names, methods, fields.
func exportedNames(syntax *ast.File) []*ast.Ident {
	var names []*ast.Ident
	add := func(idents ...*ast.Ident) {
		for _, id := range idents {
			if id.IsExported() {
				names = append(names, id)
			}
		}
	}
	for _, decl := range syntax.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			add(decl.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					add(spec.Names...)
				case *ast.TypeSpec:
					add(spec.Name)
					ast.Inspect(spec.Type, func(n ast.Node) bool {
						switch n := n.(type) {
						case *ast.StructType:
							for _, field := range n.Fields.List {
								add(field.Names...)
							}
						case *ast.InterfaceType:
							for _, method := range n.Methods.List {
								add(method.Names...)
							}
						}
						return true
					})
				}
			}
		}
	}
	return names
}

// flagNames lists the first string given to each method that declares a flag: its name.
func flagNames(syntax *ast.File) []*ast.BasicLit {
	var names []*ast.BasicLit
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !flagMethod.MatchString(sel.Sel.Name) {
			return true
		}
		for _, arg := range call.Args {
			if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				names = append(names, lit)
				break
			}
		}
		return true
	})
	return names
}

// words splits a Go name or a flag name: "NewPeerID" and "new-peer-id" are new, peer, id.
func words(name string) []string {
	if unquoted, err := strconv.Unquote(name); err == nil {
		name = unquoted
	}
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
			word = nil
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsLetter(r) {
			end()
			continue
		}
		lowerNext := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if unicode.IsUpper(r) && (lowerNext || i > 0 && unicode.IsLower(runes[i-1])) {
			end()
		}
		word = append(word, r)
	}
	end()
	return out
}
