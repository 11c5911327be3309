package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFlagsOutOfRangeAreRefusedByName(t *testing.T) {
	for _, args := range []string{
		"throughput -runs=0", "throughput -seconds=0", "throughput -warmup=-1", "throughput -conns=0", "throughput -keys=10", "throughput -value-bytes=0",
		"throughput -rate=-1", "throughput -ack=never", "throughput -read-mode=stale", "throughput -ops=del", "throughput -pipeline=2000",
		"throughput -only=memcached", "throughput -appendfsync=sometimes", "log -only=all", "log -rate=0", "memory -only=etcd", "gc -rate=0", "expiry -rate=0",
		"move -keys=10", "move -slots=8192", "move -value-bytes=0", "move -rate=0", "move -seconds=0", "move -only=etcd",
	} {
		subject, flag, _ := strings.Cut(args, " ")
		name, _, _ := strings.Cut(flag, "=")
		err := runSubject(t, subject, flag)
		if err == nil || !strings.HasPrefix(err.Error(), name+"=") {
			t.Errorf("%s: got %v, want an error that begins with it", args, err)
		}
	}
	for _, flag := range []string{"-pipeline=0", "-pipeline=", "-pipeline=a"} {
		if err := runSubject(t, "throughput", flag); err == nil || !strings.Contains(err.Error(), "-pipeline") {
			t.Errorf("%s: got %v, want an error that names it", flag, err)
		}
	}
}

func runSubject(t *testing.T, name string, args ...string) error {
	t.Helper()
	for _, s := range subjects {
		if s.name == name {
			return s.run(t.Context(), append(args, "-dir", t.TempDir()), io.Discard)
		}
	}
	t.Fatalf("there is no subject %s", name)
	return nil
}

func TestSubjectThatDoesNotExistIsRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"speed"}} {
		if err := run(context.Background(), args); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}

func TestRawLinesAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw.jsonl")
	for range 2 {
		raw, err := openRaw(path)
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{raw: raw, subject: "throughput"}
		if err := b.keep(measurement{System: "holt"}); err != nil {
			t.Fatal(err)
		}
		if err := raw.close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(firstLine(path), `"system":"holt"`); got != 1 {
		t.Errorf("%d systems on the first line, want 1", got)
	}
}

func TestMedianSpreadAndRatios(t *testing.T) {
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median of 1 to 4: got %v, want 2.5", got)
	}
	if got := median(nil); got != 0 {
		t.Errorf("median of nothing: got %v, want 0", got)
	}
	if got, want := spread("%.0f", []float64{30, 10, 20}), "20 (10-30)"; got != want {
		t.Errorf("spread: got %s, want %s", got, want)
	}
	if got := ratios([]float64{10, 20, 30}, []float64{5, 4}); len(got) != 2 || got[0] != 2 || got[1] != 5 {
		t.Errorf("ratios: got %v, want [2 5]", got)
	}
}
