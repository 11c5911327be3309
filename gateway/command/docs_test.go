package command

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// What clients read, for a few commands: documentation, the row itself, help. Rewrite with
// go test ./gateway/command -run TestRepliesOfCommandAreStable -rewrite
func TestRepliesOfCommandAreStable(t *testing.T) {
	table := NewTable(Limits{})
	var b strings.Builder
	for _, args := range [][]string{
		{"COMMAND", "DOCS", "set", "mset", "getex", "object", "client|durability", "nosuch"},
		{"COMMAND", "INFO", "set", "client|kill", "object", "nosuch"},
		{"COMMAND", "COUNT"}, {"COMMAND", "LIST"}, {"COMMAND", "HELP"},
	} {
		b.WriteString("> " + strings.Join(args, " ") + "\n")
		outline(&b, table.CommandReply(command(args...)), 1)
	}
	for _, name := range []string{"client", "cluster", "object", "config", "function", "script", "acl"} {
		b.WriteString("> " + name + " HELP\n")
		outline(&b, table.HelpReply(command(name, "HELP")), 1)
	}
	path := filepath.Join("testdata", "command.txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d differs from what CommandReply gives; see the diff after running with -rewrite", path, i+1)
		}
	}
}

// outline writes a reply, one line for each value that fits on one.
func outline(b *strings.Builder, v resp.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	fits := func(v resp.Value) bool { return len(v.Elems) == 0 || len(indent)+len(show(v)) <= 100 }
	switch {
	case fits(v):
		b.WriteString(indent + show(v) + "\n")
	case v.Kind == resp.KindMap:
		for i := 0; i+1 < len(v.Elems); i += 2 {
			if name, value := string(v.Elems[i].Str), v.Elems[i+1]; fits(value) {
				b.WriteString(indent + name + ": " + show(value) + "\n")
			} else {
				b.WriteString(indent + name + ":\n")
				outline(b, value, depth+1)
			}
		}
	default:
		for _, e := range v.Elems {
			if !fits(e) {
				b.WriteString(indent + "-\n")
			}
			outline(b, e, depth+1)
		}
	}
}
