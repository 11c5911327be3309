package placement

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew instead of comparing with it")

const answerMark = "----\n"

// golden runs the cases of testdata/name: separated by empty lines, each a question, a line of dashes, and the answer.
// Lines of the question that begin with # are for people.
func golden(t *testing.T, name string, answer func(t *testing.T, question [][]string) string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range strings.Split(strings.TrimSpace(string(file)), "\n\n") {
		question, want, _ := strings.Cut(c+"\n", answerMark)
		var lines [][]string
		for line := range strings.Lines(question) {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, strings.Fields(line))
			}
		}
		got := answer(t, lines)
		if got != want && !*rewrite {
			t.Errorf("%s:\n%sgot:\n%swant:\n%s", path, question, got, want)
		}
		out = append(out, question+answerMark+got)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
