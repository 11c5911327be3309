package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// gctrace makes the runtime of a Go program tell of each garbage collection on standard error.
const gctrace = "GODEBUG=gctrace=1"

// cycle is one garbage collection, as a line of gctrace tells of it (package runtime, "Environment Variables"):
//
//	gc 7 @1.5s 2%: 0.02+1.2+0.004 ms clock, 0.04+0.5/1.1/0.2+0.008 ms cpu, 8->9->4 MB, 8 MB goal, 0 MB stacks, 0 MB globals, 2 P
type cycle struct {
	pauses []time.Duration // in which nothing else runs: the first and the third phase
	cpu    time.Duration   // all phases: assists, workers, and workers that use idle processors
	live   int64           // bytes of the heap that were still in use
}

// readCycles parses what a log holds from an offset on, and returns where it ends.
func readCycles(path string, from int64) ([]cycle, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.NewSectionReader(file, from, 1<<40))
	if err != nil {
		return nil, 0, err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1] // the rest is being written
	var found []cycle
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "gc ") {
			continue
		}
		c, err := parseCycle(strings.TrimSpace(line))
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		found = append(found, c)
	}
	return found, from + int64(len(data)), nil
}

func parseCycle(line string) (cycle, error) {
	_, figures, ok := strings.Cut(line, ": ")
	parts := strings.Split(figures, ", ")
	if !ok || len(parts) < 3 {
		return cycle{}, fmt.Errorf("want three parts behind a colon")
	}
	clock, isClock := strings.CutSuffix(parts[0], " ms clock")
	cpu, isCPU := strings.CutSuffix(parts[1], " ms cpu")
	heap, isHeap := strings.CutSuffix(parts[2], " MB")
	heaps := strings.Split(heap, "->")
	if !isClock || !isCPU || !isHeap || len(heaps) != 3 {
		return cycle{}, fmt.Errorf("want times on the clock, of CPU, and sizes")
	}
	phases, err := parseMillis(strings.Split(clock, "+"))
	if err != nil || len(phases) != 3 {
		return cycle{}, fmt.Errorf("%q: want three times: %w", clock, err)
	}
	used, err := parseMillis(strings.FieldsFunc(cpu, func(r rune) bool { return r == '+' || r == '/' }))
	if err != nil {
		return cycle{}, err
	}
	live, err := strconv.ParseInt(heaps[2], 10, 64)
	if err != nil {
		return cycle{}, err
	}
	c := cycle{pauses: []time.Duration{phases[0], phases[2]}, live: live << 20}
	for _, d := range used {
		c.cpu += d
	}
	return c, nil
}

func parseMillis(words []string) ([]time.Duration, error) {
	var times []time.Duration
	for _, word := range words {
		ms, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, err
		}
		times = append(times, time.Duration(ms*float64(time.Millisecond)))
	}
	return times, nil
}
