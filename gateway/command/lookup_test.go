package command

import (
	"errors"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

func TestLookupFindsCommandsInAnyCase(t *testing.T) {
	table := NewTable(Limits{})
	for line, want := range map[string]string{
		"get a": "get", "GeT a": "get", "CLIENT LIST": "client|list", "Client no-Evict on": "client|no-evict",
		"command": "command", "OBJECT Encoding k": "object|encoding", "quit": "quit", "quit now": "quit",
		"CLIENT DURABILITY ASYNC": "client|durability", "client readmode lease": "client|readmode",
	} {
		spec, err := table.Lookup(command(strings.Fields(line)...))
		if err != nil || spec.Name != want {
			t.Errorf("%s: got %v, %v, want %s", line, spec, err, want)
		}
	}
}

// The same lines that Redis gives; the differential test compares many more.
func TestLookupRefusesWithTheTextOfRedis(t *testing.T) {
	table := NewTable(Limits{})
	for line, want := range map[string]string{
		"x a b":             "ERR unknown command 'x', with args beginning with: 'a' 'b' ",
		"client|list":       "ERR unknown command 'client|list', with args beginning with: ",
		"client foo":        "ERR unknown subcommand 'foo'. Try CLIENT HELP.",
		"Get":               "ERR wrong number of arguments for 'get' command",
		"client":            "ERR wrong number of arguments for 'client' command",
		"client setname":    "ERR wrong number of arguments for 'client|setname' command",
		"migrate *":         "ERR unknown command 'migrate', with args beginning with: '*' ",
		"object nosuch key": "ERR unknown subcommand 'nosuch'. Try OBJECT HELP.",
	} {
		_, err := table.Lookup(command(strings.Fields(line)...))
		var e *apierr.Error
		if !errors.As(err, &e) || e.RESP() != want || e.Kind != apierr.KindInvalid {
			t.Errorf("%s\n got %v\nwant %s", line, err, want)
		}
	}
	if _, err := table.Lookup(nil); err == nil {
		t.Error("no arguments at all were taken for a command")
	}
}

func TestLookupOfKnownCommandsNeedsNoMemory(t *testing.T) {
	table := NewTable(Limits{})
	args, sub := command("GET", "key"), command("Client", "SetInfo", "LIB-NAME", "x")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := table.Lookup(args); err != nil {
			t.Fatal(err)
		}
		if _, err := table.Lookup(sub); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What the server layer counts on, for every row.
func TestEveryRowIsWhole(t *testing.T) {
	table := NewTable(Limits{})
	for i, spec := range table.All() {
		if i > 0 && table.All()[i-1].Name >= spec.Name {
			t.Errorf("%s is not in order", spec.Name)
		}
	}
	for _, spec := range everySpec(table) {
		if spec.Summary == "" || spec.Since == "" || spec.Group == "" || spec.Complexity == "" || spec.Arity == 0 {
			t.Errorf("%s: incomplete", spec.Name)
		}
		if len(spec.Name) > nameBytesMax || spec.Name != strings.ToLower(spec.Name) {
			t.Errorf("%s: this name is never found", spec.Name)
		}
		if parent, _, isSub := strings.Cut(spec.Name, "|"); isSub != (spec.Parent != "") || isSub && parent != spec.Parent {
			t.Errorf("%s: parent %q", spec.Name, spec.Parent)
		}
		if spec.Flag(Write) && spec.Flag(ReadOnly) {
			t.Errorf("%s both writes and only reads", spec.Name)
		}
		if (spec.Parse != nil) != (len(spec.KeySpecs) > 0) && spec.Name != "watch" {
			t.Errorf("%s: has keys: %v, has Parse: %v", spec.Name, len(spec.KeySpecs) > 0, spec.Parse != nil)
		}
		if spec.Parse != nil && !spec.Flag(Write) && !spec.Flag(ReadOnly) && !spec.Flag(MayWrite) {
			t.Errorf("%s: neither writes nor reads", spec.Name)
		}
	}
}

func TestCommandsWithoutMeaningYetAreUnknown(t *testing.T) {
	table := NewTable(Limits{})
	for _, name := range []string{"migrate", "swapdb", "move", "monitor", "sync", "replicaof", "fcall", "lpush"} {
		if _, err := table.Lookup(command(name, "x")); err == nil || !strings.Contains(err.Error(), "unknown command") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
