package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A defect whose place is gone would never be planted again, and nobody would notice.
func TestEveryDefectStillHasItsPlace(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, b := range slices.Concat(bugs, unfound) {
		if seen[b.name] {
			t.Errorf("two defects are called %s", b.name)
		}
		seen[b.name] = true
		if _, err := writeOverlay(t.TempDir(), root, b.edits); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
		if b.rule == "" || b.test == "" {
			t.Errorf("%s names no rule or no test", b.name)
		}
		if _, err := os.Stat(filepath.Join(root, b.pkg)); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
	}
}

func TestOnlyAFailingTestCountsAsFound(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, c := range []struct {
		output string
		err    error
		want   verdict
	}{
		{"ok  \tpkg\t0.1s", nil, missed},
		{"ok  \tpkg\t0.1s [no tests to run]", nil, unbuilt},
		{"--- FAIL: TestX (0.00s)\nFAIL", exit, found},
		{"panic: test timed out after 2m0s\n--- FAIL: TestX (120s)", exit, late},
		{"panic: runtime error", exit, found},
		{"fatal error: concurrent map read and map write", exit, found},
		{"x.go:1:1: undefined: y\nFAIL\tpkg [build failed]", exit, unbuilt},
		{"go: no such tool", exit, unbuilt},
	} {
		if got := judge(c.output, c.err); got != c.want {
			t.Errorf("%q: got %v, want %v", c.output, got, c.want)
		}
	}
}

func TestOnlyABrokenPromiseCountsAsFoundByTheSuite(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, c := range []struct {
		output string
		err    error
		want   verdict
	}{
		{"1m0s: 3 runs ok, 0 FAILED, 0 INVALID, 0 SKIPPED", nil, missed},
		{"FAILED ...\nrobustness: FAILED: 1 runs broke a promise\nexit status 1", exit, found},
		{"robustness: INVALID: 3 runs showed nothing\nexit status 3", exit, missed},
		{"robustness: fault \"x\": use one of", exit, unbuilt},
		{"x.go:1:1: undefined: y", exit, unbuilt},
	} {
		if got := judgeSuite(c.output, c.err); got != c.want {
			t.Errorf("%q: got %v, want %v", c.output, got, c.want)
		}
	}
}
