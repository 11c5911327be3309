package arch

import (
	"slices"
	"strings"
	"testing"
)

// Each rule must notice what breaks it, and must leave its allowed neighbour alone.
func TestEachRuleNoticesItsPlantedViolation(t *testing.T) {
	edge := func(pkgs []pkg) []string { return edgeViolations(pkgs, edges) }
	sleep := func(pkgs []pkg) []string {
		return sleepViolations(pkgs, map[string]string{"tests/sim": "virtual", "shard/slow_test.go": "slow"})
	}
	lib := func(pkgs []pkg) []string { return libraryViolations(pkgs, libraries) }
	tests := []struct {
		name string
		rule func([]pkg) []string
		pkg  string
		file string
		src  string
		want string // part of the one violation; empty: none
	}{
		{"import up", edge, "raftfsm", "fsm.go", `import _ "github.com/holtcache/holt/shard"`, "raftfsm must not import shard"},
		{"import sideways", edge, "gateway/router", "router.go", `import _ "github.com/holtcache/holt/gateway/resp"`, "must not import gateway/resp"},
		{"router reaches a shard", edge, "gateway/router", "router.go", `import _ "github.com/holtcache/holt/shard/executor"`, "must not import shard/executor"},
		{"import of tests", edge, "gateway/node", "node.go", `import _ "github.com/holtcache/holt/tests/arch"`, "must not import tests/arch"},
		{"test support in the program", edge, "shard/host", "host.go", `import _ "github.com/holtcache/holt/shard/logstore/crashstore"`, "for tests only"},
		{"test support in a test", edge, "shard/host", "host_test.go", `import _ "github.com/holtcache/holt/shard/logstore/crashstore"`, ""},
		{"unknown package", edge, "shard/util", "util.go", ``, "shard/util is not in the table"},
		{"allowed edge", edge, "raftfsm/store", "store.go", `import _ "github.com/holtcache/holt/raftfsm/entry"`, ""},
		{"test on the same floor", edge, "gateway/router", "router_test.go", `import _ "github.com/holtcache/holt/gateway/resp"`, ""},
		{"test imports up", edge, "raftfsm", "fsm_test.go", `import _ "github.com/holtcache/holt/shard"`, "higher floor"},
		{"tests import anything", edge, "tests/sim", "sim.go", `import _ "github.com/holtcache/holt/shard/executor"`, ""},

		{"library away from home", lib, "shard/executor", "x.go", `import _ "github.com/hashicorp/raft"`, "not at home in shard/executor"},
		{"raft-boltdb is not raft", lib, "shard", "x.go", `import _ "github.com/hashicorp/raft-boltdb/v2"`, "not at home in shard"},
		{"library for tests only", lib, "gateway/resp", "x.go", `import _ "pgregory.net/rapid"`, "not at home"},
		{"library for tests in a test", lib, "gateway/resp", "x_test.go", `import _ "pgregory.net/rapid"`, ""},
		{"unknown library", lib, "gateway/resp", "x.go", `import _ "example.com/left/pad"`, "not in the table of libraries"},
		{"standard library", lib, "gateway/resp", "x.go", `import _ "net/http"`, ""},
		{"library at home", lib, "shard/logstore", "x.go", `import _ "github.com/hashicorp/raft-boltdb/v2"`, ""},

		{"clock in the core", coreViolations, "raftfsm/store", "x.go", `import "time"; var now = time.Now()`, "must not use time.Now"},
		{"renamed clock in the core", coreViolations, "raftfsm/meta", "x.go", `import clk "time"; func f() { _ = clk.Since }`, "must not use time.Since"},
		{"duration in the core", coreViolations, "raftfsm/meta", "x.go", `import "time"; const d = time.Second`, ""},
		{"randomness in the core", coreViolations, "raftfsm/entry", "x.go", `import _ "math/rand/v2"`, "must not import math/rand/v2"},
		{"file in the core", coreViolations, "raftfsm/entry", "x.go", `import _ "os"`, "must not import os"},
		{"logger in the core", coreViolations, "raftfsm/entry", "x.go", `import _ "log/slog"`, "must not import log/slog"},
		{"goroutine in the core", coreViolations, "raftfsm/store", "x.go", `func f() { go f() }`, "starts no goroutine"},
		{"lock outside of the store", coreViolations, "raftfsm/entry", "x.go", `import _ "sync/atomic"`, "may import sync/atomic"},
		{"lock in the store", coreViolations, "raftfsm/store", "x.go", `import _ "sync"`, ""},
		{"dot import in the core", coreViolations, "raftfsm/entry", "x.go", `import . "time"; var now = Now()`, "dot import"},
		{"clock in a test of the core", coreViolations, "raftfsm/store", "x_test.go", `import "time"; var now = time.Now()`, ""},
		{"clock above the core", coreViolations, "shard", "x.go", `import "time"; var now = time.Now()`, ""},

		{"sleep", callViolations, "shard", "x.go", `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"method of that name", callViolations, "shard", "x.go", `import "time"; type c struct{}; func (c) Sleep(int) {}; func f() { var time c; time.Sleep(1) }`, ""},
		{"made-up context", callViolations, "gateway/node", "x.go", `import "context"; var c = context.TODO()`, "context.TODO"},
		{"exit below cmd", callViolations, "gateway/node", "x.go", `import "os"; func f() { os.Exit(1) }`, "os.Exit"},
		{"exit in cmd", callViolations, "cmd/holt", "x.go", `import "os"; func f() { os.Exit(1) }`, ""},
		{"global logger", callViolations, "shard", "x.go", `import "log/slog"; var l = slog.Default()`, "log/slog.Default"},

		{"sleep in a test", sleep, "shard", "x_test.go", `import "time"; func f() { time.Sleep(1) }`, "not for time to pass"},
		{"sleep under another name", sleep, "shard", "x_test.go", `import "time"; var nap = time.Sleep`, "not for time to pass"},
		{"sleep below tests", sleep, "tests/bench", "x.go", `import "time"; func f() { for { time.Sleep(1) } }`, "not for time to pass"},
		{"receive of time", sleep, "shard", "x_test.go", `import "time"; func f() { <-time.After(1) }`, "not for time to pass"},
		{"sleep beside a bubble", sleep, "shard", "x_test.go", `import ("time"; "testing/synctest"); func f() { synctest.Wait(); time.Sleep(1) }`, "not for time to pass"},
		{"sleep in a bubble", sleep, "shard", "x_test.go", `import ("time"; "testing/synctest"); func f() { synctest.Test(nil, func(t *T) { time.Sleep(1) }) }`, ""},
		{"sleep between two looks", sleep, "shard", "x_test.go", `import "time"; func f() { for ; !done(); time.Sleep(1) {} }`, ""},
		{"end of a wait", sleep, "shard", "x_test.go", `import "time"; func f() { select { case <-done: case <-time.After(1): } }`, ""},
		{"sleep in a listed package", sleep, "tests/sim", "x_test.go", `import "time"; func f() { time.Sleep(1) }`, ""},
		{"sleep in a listed file", sleep, "shard", "slow_test.go", `import "time"; func f() { time.Sleep(1) }`, ""},
		{"no look for goroutines", leakViolations, "shard", "x_test.go", `func TestX() {}`, "no TestMain"},
		{"a TestMain that does not look", leakViolations, "shard", "x_test.go", `import _ "go.uber.org/goleak"; func TestMain() {}`, "no TestMain"},
		{"a look for goroutines", leakViolations, "shard", "x_test.go", `import "go.uber.org/goleak"; func TestMain() { goleak.VerifyTestMain(nil) }`, ""},
		{"no tests", leakViolations, "shard", "x.go", ``, ""},

		{"no package doc", docViolations, "shard", "x.go", ``, "shard has no package doc"},
		{"package of tests only", docViolations, "tests/arch", "x_test.go", ``, ""},

		{"exported type", wordViolations, "shard", "x.go", `type PeerSet struct{}`, "PeerSet: Holt says node"},
		{"exported field", wordViolations, "shard", "x.go", `type s struct{ Masters []string }`, "Masters: Holt says leader"},
		{"exported method", wordViolations, "shard", "x.go", `type s interface{ SlaveOf() }`, "SlaveOf: Holt says follower"},
		{"exported constant", wordViolations, "shard", "x.go", `const DefaultPartition = 1`, "DefaultPartition: Holt says slot"},
		{"bucket of bbolt", wordViolations, "shard/logstore", "x.go", `const LogBucket = 1`, ""},
		{"method of raft.Transport", wordViolations, "shard/transport", "x.go", `func (t) EncodePeer() {}`, ""},
		{"part of another word", wordViolations, "shard", "x.go", `const Mastermind, Speer = 1, 2`, ""},
		{"flag", wordViolations, "cmd/holt", "x.go", `func f() { c.Flags().StringVar(&s, "master-addr", "", "") }`, `"master-addr": Holt says leader`},
		{"value of a flag", wordViolations, "cmd/holt", "x.go", `func f() { c.Flags().String("addr", "peer", "") }`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := parse(tt.pkg+"/"+tt.file, "package p; "+tt.src)
			if err != nil {
				t.Fatal(err)
			}
			got := tt.rule([]pkg{{path: tt.pkg, files: []file{f}}})
			switch {
			case tt.want == "" && len(got) != 0:
				t.Errorf("got %q, want no violation", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("got %q, want one violation with %q", got, tt.want)
			}
		})
	}
}

func TestWordsSplitsNames(t *testing.T) {
	for name, want := range map[string][]string{
		"NewPeerID":     {"new", "peer", "id"},
		"HTTPServer":    {"http", "server"},
		"\"lease-max\"": {"lease", "max"},
		"x509Cert":      {"x", "cert"},
	} {
		if got := words(name); !slices.Equal(got, want) {
			t.Errorf("words(%s) = %q, want %q", name, got, want)
		}
	}
}

func TestPackageDocOfTwoIdeasIsNoticed(t *testing.T) {
	for src, want := range map[string]int{
		"// Package p keeps logs. It does this and that.\npackage p": 0,
		"// Package p keeps logs and\n// sends mail.\npackage p":     1,
		"// Keeps logs.\npackage p":                                  1,
		"// Package p handles sand, handles band.\npackage p":        0,
		"// Package p: one idea: this and that.\npackage p":          0,
	} {
		f, err := parse("shard/x.go", src)
		if err != nil {
			t.Fatal(err)
		}
		if got := docViolations([]pkg{{path: "shard", files: []file{f}}}); len(got) != want {
			t.Errorf("%q: got %q, want %d violations", src, got, want)
		}
	}
}
