package conformance

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write DIFFERENCES.md anew")

func TestTheListOfDifferencesIsDocumented(t *testing.T) {
	path := filepath.Join("..", "DIFFERENCES.md")
	if *rewrite {
		if err := os.WriteFile(path, []byte(Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil || string(written) != Document() {
		t.Errorf("%s is not what differences.go says (%v); run this test with -rewrite", path, err)
	}
}
