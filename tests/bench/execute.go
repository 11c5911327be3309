package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// holtModule is what `go build` makes the program from.
const holtModule = "github.com/holtcache/holt/cmd/holt"

// execute measures everything and writes the table.
func (p *plan) execute(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp(p.dir, "holt-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	systems, err := p.systems(ctx, w, dir)
	if err != nil {
		return err
	}
	raw, err := openRaw(p.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	m, err := describeMachine(dir)
	if err != nil {
		return err
	}
	r := &report{plan: p, systems: systems, machine: m}
	r.head(w)
	for run := 1; run <= p.runs; run++ {
		for _, s := range systems {
			begun := time.Now()
			found, err := p.measure(ctx, s, filepath.Join(dir, fmt.Sprintf("%s-%d", s.Name, run)), run)
			for _, one := range found {
				one.Machine = m
				r.add(one)
				if err := raw.write(one); err != nil {
					return err
				}
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			fmt.Fprintf(os.Stderr, "run %d of %d: %s took %v\n", run, p.runs, s.Name, time.Since(begun).Round(time.Second))
		}
	}
	r.table(w)
	return nil
}

// systems lists what is to be measured and can be.
func (p *plan) systems(ctx context.Context, w io.Writer, dir string) ([]system.System, error) {
	var all []system.System
	if p.wanted("holt") {
		program, err := p.build(ctx, dir)
		if err != nil {
			return nil, err
		}
		all = append(all, system.Holt(program, p.nodes, p.replicas, p.shards))
	}
	redis, err := exec.LookPath("redis-server")
	for _, s := range []system.System{
		system.Redis("redis-always-alone", redis, "always", 0),
		system.Redis("redis-always", redis, "always", 2),
		system.Redis("redis-everysec", redis, "everysec", 2),
	} {
		if p.wanted(s.Name) && err == nil {
			all = append(all, s)
		}
	}
	if err != nil && (len(p.only) == 0 || len(all) == 0) {
		fmt.Fprintln(w, "redis-server is not installed (Debian: apt-get install redis-server): only Holt is measured")
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only=%v: there is no such system here", p.only)
	}
	return all, nil
}

func (p *plan) build(ctx context.Context, dir string) (string, error) {
	if p.program != "" {
		return filepath.Abs(p.program)
	}
	program := filepath.Join(dir, "holt")
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, holtModule).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build holt: %w: %s", err, out)
	}
	return program, nil
}

// measureMax bounds what a measurement takes beside its load.
const measureMax = time.Minute

// measure starts one system, puts every load on it, and stops it.
func (p *plan) measure(ctx context.Context, s system.System, dir string, run int) (found []measurement, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	running, err := s.Start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, running.Stop(), os.RemoveAll(dir)) }()
	spec := p.spec(s, running)
	fillCtx, cancel := context.WithTimeout(ctx, measureMax)
	defer cancel()
	if err := load.Fill(fillCtx, spec); err != nil {
		return nil, err
	}
	for _, op := range p.ops {
		for _, pipeline := range p.pipelines {
			spec.Op, spec.Pipeline = op, pipeline
			one, err := p.one(ctx, spec, running)
			if err != nil {
				return found, err
			}
			one.System, one.Run = s.Name, run
			found = append(found, one)
		}
	}
	return found, nil
}

func (p *plan) spec(s system.System, running *system.Running) load.Spec {
	spec := load.Spec{
		Addr: running.Addr, Cluster: running.Cluster, Conns: p.conns, Pipeline: 1, ValueBytes: p.valueBytes, Keys: p.keys,
		Warmup: p.warmup, Window: p.seconds, Rate: p.rate,
	}
	if s.Name == "holt" {
		spec.Setup = [][]string{{"CLIENT", "DURABILITY", p.ack}, {"CLIENT", "READMODE", p.readMode}}
	}
	return spec
}

// one is one measurement.
func (p *plan) one(ctx context.Context, spec load.Spec, running *system.Running) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, spec.Warmup+spec.Window+measureMax)
	defer cancel()
	var server, client [2]time.Duration // at both ends of the window
	var errs []error
	edge := 0
	spec.Edge = func() {
		var errServer, errClient error
		server[edge], errServer = system.CPUTime(running.PIDs...)
		client[edge], errClient = system.CPUTime(os.Getpid())
		errs = append(errs, errServer, errClient)
		edge++
	}
	result, err := load.Run(ctx, spec)
	if err = errors.Join(append(errs, err)...); err != nil {
		return measurement{}, err
	}
	return newMeasurement(spec, result, server[1]-server[0], client[1]-client[0]), nil
}
