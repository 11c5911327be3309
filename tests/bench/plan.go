package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
)

// plan is what the flags ask for.
type plan struct {
	only            []string
	seconds, warmup time.Duration
	runs            int
	ops             []load.Op
	pipelines       []int
	conns           int
	valueBytes      int
	keys            int
	rate            float64
	ack, readMode   string

	nodes, replicas, shards int
	program                 string
	dir                     string
	out                     string
}

func parsePlan(args []string) (*plan, error) {
	p := &plan{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := f.String("only", "", "systems to measure, separated by commas: holt, redis (all of them), or a name of the table; empty takes all")
	seconds := f.Float64("seconds", 3, "how long each measurement takes")
	warmup := f.Float64("warmup", 1, "seconds of load before each measurement")
	f.IntVar(&p.runs, "runs", 3, "how often everything is repeated")
	ops := f.String("ops", "set,get", "what to send: set, get")
	pipelines := f.String("pipeline", "1,16", "requests that a connection sends before it waits")
	f.IntVar(&p.conns, "conns", 50, "connections")
	f.IntVar(&p.valueBytes, "value-bytes", 64, "size of a value")
	f.IntVar(&p.keys, "keys", 100_000, "how many keys there are")
	f.Float64Var(&p.rate, "rate", 0, "requests a second that arrive whether or not earlier ones are answered; 0 sends when answered")
	f.StringVar(&p.ack, "ack", "majority", "when Holt acknowledges a write: majority, async")
	f.StringVar(&p.readMode, "read-mode", "lease", "how Holt reads: lease, index")
	f.IntVar(&p.nodes, "nodes", 3, "nodes of Holt")
	f.IntVar(&p.replicas, "replicas", 0, "replicas of each shard of Holt, see holt dev")
	f.IntVar(&p.shards, "shards", 0, "shards of Holt, see holt dev")
	f.StringVar(&p.program, "holt", "", "the program holt; empty builds it from this module")
	f.StringVar(&p.dir, "dir", os.TempDir(), "where the temporary folder with the data is made: the disk that is measured")
	f.StringVar(&p.out, "out", "", "file to which every measurement is appended as a line of JSON")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q: there are only flags", f.Arg(0))
	}
	p.only = list(*only)
	p.seconds = time.Duration(*seconds * float64(time.Second))
	p.warmup = time.Duration(*warmup * float64(time.Second))
	for _, op := range list(*ops) {
		p.ops = append(p.ops, load.Op(strings.ToUpper(op)))
	}
	for _, field := range list(*pipelines) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("-pipeline=%s: %w", *pipelines, err)
		}
		p.pipelines = append(p.pipelines, n)
	}
	return p, p.check()
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func (p *plan) check() error {
	switch {
	case p.seconds < 100*time.Millisecond || p.seconds > time.Hour:
		return fmt.Errorf("-seconds=%v: use 0.1 to 3600", p.seconds.Seconds())
	case p.warmup < 0 || p.warmup > time.Hour:
		return fmt.Errorf("-warmup=%v: use 0 to 3600", p.warmup.Seconds())
	case p.runs < 1:
		return fmt.Errorf("-runs=%d: use at least 1", p.runs)
	case p.conns < 1 || p.conns > 10_000:
		return fmt.Errorf("-conns=%d: use 1 to 10000", p.conns)
	case p.keys < 1000:
		return fmt.Errorf("-keys=%d: use at least 1000, so that every leader has some", p.keys)
	case p.valueBytes < 1 || p.valueBytes > 1<<20:
		return fmt.Errorf("-value-bytes=%d: use 1 to %d", p.valueBytes, 1<<20)
	case p.rate < 0:
		return fmt.Errorf("-rate=%v: use 0 or more", p.rate)
	case p.ack != "majority" && p.ack != "async":
		return fmt.Errorf("-ack=%s: use majority or async", p.ack)
	case p.readMode != "lease" && p.readMode != "index":
		return fmt.Errorf("-read-mode=%s: use lease or index", p.readMode)
	case len(p.ops) == 0 || slices.ContainsFunc(p.ops, func(op load.Op) bool { return op != load.OpSet && op != load.OpGet }):
		return fmt.Errorf("-ops=%s: use set, get or both", p.ops)
	case len(p.pipelines) == 0 || slices.Min(p.pipelines) < 1 || slices.Max(p.pipelines) > 1000:
		return fmt.Errorf("-pipeline=%v: use 1 to 1000", p.pipelines)
	}
	return nil
}

// wanted tells whether -only names the system.
func (p *plan) wanted(name string) bool {
	if len(p.only) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(name, "-")
	return slices.Contains(p.only, name) || slices.Contains(p.only, kind)
}
