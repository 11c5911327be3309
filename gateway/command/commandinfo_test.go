package command

import (
	"fmt"
	"slices"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

// notInRedis are the rows that Redis 7.0 does not have, and why they are here.
var notInRedis = map[string]string{
	"client|setinfo":       "Redis 7.2; all clients send it",
	"client|no-touch":      "Redis 7.2; rueidis can send it",
	"cluster|myshardid":    "Redis 7.2",
	"cluster|migrateslots": "Valkey 9", "cluster|getslotmigrations": "Valkey 9", "cluster|cancelslotmigrations": "Valkey 9",
	"waitaof": "Redis 7.2", "delifeq": "Valkey 9", "msetex": "Valkey 9.1", "delex": "Redis 8.4", "digest": "Redis 8.4",
	"getver":            "Holt's own: the version of a key, for fencing",
	"client|durability": "Holt's own: when writes are acknowledged",
	"client|readmode":   "Holt's own: how reads are made consistent",
	"client|routing":    "Holt's own: whether a server that redirects nobody does so for this connection",
}

// ownSummary are the rows whose one line says what Holt does, or says it in Holt's words.
var ownSummary = map[string]string{
	"cluster|replicas": "role names", "cluster|slaves": "role names", "cluster|replicate": "role names",
	"cluster|failover": "a node follows several shards",
	"object|encoding":  "encodings are Redis'", "object|refcount": "always 1",
	"wait": "any node waits for replicas of a shard", "unlink": "no other thread frees memory", "acl": "trailing space",
}

// ownComplexity are the rows whose cost is described in our words.
var ownComplexity = map[string]string{
	"del": "strings only", "unlink": "strings only", "getrange": "shorter", "substr": "shorter",
	"dump": "strings and hashes only", "restore": "strings and hashes only",
	"append": "no allocator doubles the space", "setrange": "no allocator doubles the space",
}

// ownArguments are the rows that take more than those of Redis 7.0 do.
var ownArguments = map[string]string{"set": "IFEQ and IFNE of Redis 8.4, IFVER of Holt"}

// The goal: a client that learns the commands from COMMAND treats Holt as it would treat Redis. The method: each row,
// as a RESP3 client reads it, beside that of a real Redis.
func TestRowsAreThoseOfRedis(t *testing.T) {
	redis := startRedis(t, 3)
	table := NewTable(Limits{})
	for _, spec := range everySpec(table) {
		want := redis.do(t, "COMMAND", "INFO", spec.Name).Elems[0]
		got := overTheWire(t, table.CommandReply(command("COMMAND", "INFO", spec.Name)), 3).Elems[0]
		if want.Kind == resp.KindNull {
			if notInRedis[spec.Name] == "" {
				t.Errorf("%s: Redis does not have it, and no reason is given", spec.Name)
			}
			continue
		}
		if notInRedis[spec.Name] != "" {
			t.Errorf("%s: listed as missing in Redis, which has it", spec.Name)
		}
		const subcommands = 9 // Holt has fewer
		got.Elems[subcommands], want.Elems[subcommands] = resp.Null(), resp.Null()
		if show(got) != show(want) {
			t.Errorf("COMMAND INFO %s\n got %s\nwant %s", spec.Name, show(got), show(want))
		}
	}
}

func TestDocumentationIsThatOfRedis(t *testing.T) {
	redis := startRedis(t, 3)
	table := NewTable(Limits{})
	for _, spec := range everySpec(table) {
		if notInRedis[spec.Name] != "" {
			continue
		}
		want := redis.do(t, "COMMAND", "DOCS", spec.Name).Elems[1]
		got := overTheWire(t, table.CommandReply(command("COMMAND", "DOCS", spec.Name)), 3).Elems[1]
		leaveOut := []string{"history", "subcommands"}
		if ownSummary[spec.Name] != "" {
			leaveOut = append(leaveOut, "summary")
		}
		if ownComplexity[spec.Name] != "" {
			leaveOut = append(leaveOut, "complexity")
		}
		if ownArguments[spec.Name] != "" {
			leaveOut = append(leaveOut, "arguments")
		}
		if got, want := show(without(got, leaveOut)), show(without(want, leaveOut)); got != want {
			t.Errorf("COMMAND DOCS %s\n got %s\nwant %s", spec.Name, got, want)
		}
	}
}

// without is a map without some of its fields.
func without(m resp.Value, fields []string) resp.Value {
	var kept []resp.Value
	for i := 0; i+1 < len(m.Elems); i += 2 {
		if !slices.Contains(fields, string(m.Elems[i].Str)) {
			kept = append(kept, m.Elems[i], m.Elems[i+1])
		}
	}
	return resp.Map(kept...)
}

// everySpec lists the commands of a table and their subcommands.
func everySpec(table *Table) []*Spec {
	var specs []*Spec
	for _, spec := range table.All() {
		specs = append(append(specs, spec), spec.Subcommands...)
	}
	return specs
}

func command(words ...string) [][]byte {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	return args
}

// Filters of COMMAND LIST, restricted to the rows that both have.
func TestCommandListFiltersAsRedisDoes(t *testing.T) {
	redis := startRedis(t, 3)
	table := NewTable(Limits{})
	for _, args := range [][]string{
		{}, {"FILTERBY", "ACLCAT", "string"}, {"filterby", "aclcat", "FAST"}, {"FILTERBY", "ACLCAT", "nosuch"},
		{"FILTERBY", "ACLCAT", "dangerous"}, {"FILTERBY", "MODULE", "nosuch"}, {"FILTERBY", "PATTERN", "*"},
		{"FILTERBY", "PATTERN", "client*"}, {"FILTERBY", "PATTERN", "*|[g-i]*"}, {"FILTERBY", "PATTERN", "?ET"},
		{"FILTERBY", "PATTERN", "[^a-r]e[st]*"}, {"FILTERBY", "PATTERN", "\\ge\\t"}, {"FILTERBY", "PATTERN", "get["},
		{"FILTERBY", "PATTERN", "*t*t*"}, {"FILTERBY", "PATTERN", ""}, {"FILTERBY", "PATTERN"}, {"x"}, {"FILTERBY", "x", "y"},
	} {
		args = append([]string{"COMMAND", "LIST"}, args...)
		want := redis.do(t, args...)
		got := overTheWire(t, table.CommandReply(command(args...)), 3)
		if want.IsError() || got.IsError() {
			if show(got) != show(want) {
				t.Errorf("%q: got %s, want %s", args, show(got), show(want))
			}
			continue
		}
		names := func(v resp.Value) []string {
			var list []string
			for _, e := range v.Elems {
				if name := string(e.Str); table.named[name] != nil && notInRedis[name] == "" {
					list = append(list, name)
				}
			}
			slices.Sort(list)
			return list
		}
		if got, want := fmt.Sprint(names(got)), fmt.Sprint(names(want)); got != want {
			t.Errorf("%q\n got %s\nwant %s", args, got, want)
		}
	}
}
