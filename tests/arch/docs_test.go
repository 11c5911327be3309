package arch

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The idea of a package fits one sentence. Where that sentence needs an "and", there are two packages.
func TestEachPackageSaysItsOneIdea(t *testing.T) {
	check(t, docViolations(tree(t)))
}

var sentenceEnd = regexp.MustCompile(`[.:](\s|$)`)

func docViolations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		documented, testsOnly := false, true
		for _, f := range p.files {
			testsOnly = testsOnly && f.test
			if f.test || f.syntax.Doc == nil {
				continue
			}
			documented = true
			doc := strings.Join(strings.Fields(f.syntax.Doc.Text()), " ")
			sentence := doc
			if end := sentenceEnd.FindStringIndex(doc); end != nil {
				sentence = doc[:end[0]]
			}
			if !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
				found = append(found, fmt.Sprintf("%s: the package doc begins with \"Package\" or \"Command\"", f.name))
			}
			if strings.Contains(sentence, " and ") {
				found = append(found, fmt.Sprintf("%s: the first sentence of the package doc has an \"and\": %s", f.name, sentence))
			}
		}
		if !documented && !testsOnly {
			found = append(found, fmt.Sprintf("%s has no package doc", p.path))
		}
	}
	return found
}
