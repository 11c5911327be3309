package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestGarbageCollectionsAreReadFromALog(t *testing.T) {
	const first = "gc 1 @0.011s 1%: 0.010+0.33+0.002 ms clock, 0.021+0.1/0.25/0.05+0.004 ms cpu, 3->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P\n"
	const forced = "gc 2 @120.5s 0%: 0.5+12+0.25 ms clock, 1+0/2/0+0.5 ms cpu, 8->8->7 MB, 9 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)\n"
	path := filepath.Join(t.TempDir(), "node-1.log")
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("time=1 level=INFO msg=\"gc of something else\"\n" + first + "gc 2 @120.5s 0%: half of a li")
	cycles, end, err := readCycles(path, 0)
	if err != nil || len(cycles) != 1 {
		t.Fatalf("got %d collections, %v, want 1", len(cycles), err)
	}
	c := cycles[0]
	if want := []time.Duration{10 * time.Microsecond, 2 * time.Microsecond}; !slices.Equal(c.pauses, want) {
		t.Errorf("pauses %v, want %v", c.pauses, want)
	}
	if want := 425 * time.Microsecond; c.cpu != want || c.live != 1<<20 {
		t.Errorf("CPU %v, live %d, want %v, %d", c.cpu, c.live, want, 1<<20)
	}
	if err := os.Truncate(path, end); err != nil { // the half line
		t.Fatal(err)
	}
	write(forced)
	if cycles, _, err = readCycles(path, end); err != nil || len(cycles) != 1 || cycles[0].live != 7<<20 {
		t.Errorf("got %v, %v, want the second collection alone", cycles, err)
	}
}

func TestLineOfAnotherFormIsAnError(t *testing.T) {
	for _, line := range []string{
		"gc 1", "gc 1 @0s 1%: 1 ms clock, 1 ms cpu, 3->4->1 MB, 4 MB goal", "gc 1 @0s 1%: 1+1+x ms clock, 1 ms cpu, 3->4->1 MB, 4 MB goal",
		"gc 1 @0s 1%: 1+1+1 ms clock, 1+y ms cpu, 3->4->1 MB, 4 MB goal", "gc 1 @0s 1%: 1+1+1 ms clock, 1+1+1 ms cpu, 3->4 MB, 4 MB goal",
		"gc 1 @0s 1%: 1+1+1 ms clock, 1+1+1 ms cpu, 3->4->z MB, 4 MB goal",
	} {
		if c, err := parseCycle(line); err == nil {
			t.Errorf("%q: got %v, want an error", line, c)
		}
	}
}
