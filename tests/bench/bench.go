package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/holtcache/holt/tests/bench/system"
)

// holtModule is what `go build` makes the program from.
const holtModule = "github.com/holtcache/holt/cmd/holt"

// bench is one run of the program: what every subject has, whatever it measures.
type bench struct {
	w       io.Writer // for the tables
	runs    int
	program string // holt; builtin until prepare has it built
	dir     string // a temporary folder on the disk that is measured
	machine machine
	raw     *raw
	subject string
}

// run parses the flags, prepares folder and program, and measures.
func (s subject) run(ctx context.Context, args []string, w io.Writer) (err error) {
	b := &bench{w: w, subject: s.name}
	f := flag.NewFlagSet("bench "+s.name, flag.ContinueOnError)
	f.IntVar(&b.runs, "runs", 3, "how often everything is repeated")
	f.StringVar(&b.program, "holt", "", "the program holt; empty builds it from this module")
	dir := f.String("dir", os.TempDir(), "where the temporary folder with the data is made: the disk that is measured")
	out := f.String("out", "", "file to which every measurement is appended as a line of JSON")
	measure := s.setup(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q: there are only flags", f.Arg(0))
	}
	if b.runs < 1 {
		return fmt.Errorf("-runs=%d: use at least 1", b.runs)
	}
	if b.dir, err = os.MkdirTemp(*dir, "holt-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.machine, err = describeMachine(b.dir); err != nil {
		return err
	}
	if b.raw, err = openRaw(*out); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.raw.close()) }()
	fmt.Fprintln(w, b.machine)
	return measure(ctx, b)
}

// holt describes a cluster of this module's program, which is built when it is first asked for.
func (b *bench) holt(ctx context.Context, name string, c system.HoltConfig) (system.System, error) {
	if b.program == "" {
		b.program = filepath.Join(b.dir, "holt")
		out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, holtModule).CombinedOutput()
		if err != nil {
			return system.System{}, fmt.Errorf("build holt: %w: %s", err, out)
		}
	}
	program, err := filepath.Abs(b.program)
	c.Program = program
	return system.Holt(name, c), err
}

// redis is the path of redis-server, "" where it is not installed, which the reader is told.
func (b *bench) redis() string {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		fmt.Fprintln(b.w, "redis-server is not installed (Debian: apt-get install redis-server): it is left out")
		return ""
	}
	return path
}

// pair is Holt beside Redis with a policy of fsync and a number of followers, or one of both where only names it.
func pair(ctx context.Context, b *bench, only choice, c system.HoltConfig, fsync string, followers int) ([]system.System, error) {
	wanted := func(name string) bool { return len(only) == 0 || slices.Contains(only, name) }
	var all []system.System
	if wanted("holt") {
		s, err := b.holt(ctx, "holt", c)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if wanted("redis") {
		if program := b.redis(); program != "" {
			all = append(all, system.Redis("redis", program, fsync, followers))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only=%s: there is nothing to measure; use holt, redis", only)
	}
	return all, nil
}

// with starts a system in a folder of its own, lets use work with it, and stops it.
func (b *bench) with(ctx context.Context, s system.System, use func(*system.Running) error) (err error) {
	begun := time.Now()
	dir, err := os.MkdirTemp(b.dir, s.Name+"-")
	if err != nil {
		return err
	}
	running, err := s.Start(ctx, dir)
	if err == nil {
		err = errors.Join(use(running), running.Stop())
	}
	fmt.Fprintf(os.Stderr, "%s took %v\n", s.Name, time.Since(begun).Round(time.Second))
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// keep writes one measurement to the file of raw lines.
func (b *bench) keep(measurement any) error {
	return b.raw.write(rawLine{Time: time.Now().UTC(), Subject: b.subject, LoadAverage: loadAverage(), Machine: b.machine, Measurement: measurement})
}
