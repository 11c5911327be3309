package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// wishes are the flags of everything that runs.
type wishes struct {
	asked
	faults, workloads string
	results, out      string
	keep, quiet       bool
}

func (w *wishes) define(flags *flag.FlagSet) {
	flags.Uint64Var(&w.seed, "seed", uint64(time.Now().UnixNano()), "everything that is not asked for follows from it")
	flags.IntVar(&w.nodes, "nodes", 0, "3 or 5")
	flags.IntVar(&w.shards, "shards", 0, "shards; 0: one for each node, or one in all")
	flags.IntVar(&w.replicas, "replicas", 0, "replicas of each shard, 3 or 5")
	flags.StringVar(&w.fsync, "appendfsync", "", "always, everysec or no")
	flags.StringVar(&w.reads, "reads", "", "lease, index or lease,index: how linearizable reads are asked for")
	flags.StringVar(&w.client, "client", "", "resp or grpc")
	flags.StringVar(&w.faults, "fault", "", "names with commas between them, in turn")
	flags.StringVar(&w.workloads, "workload", "", "names with commas between them, all at once")
	flags.IntVar(&w.rate, "rate", 0, "operations a second of all clients together, at most")
	flags.StringVar(&w.results, "results", "", "file to append results to, for `figures`")
	flags.StringVar(&w.out, "out", filepath.Join(os.TempDir(), "holt-robustness"), "where folders of runs go")
	flags.BoolVar(&w.keep, "keep", false, "keep the folders of runs that show nothing bad, too")
	flags.BoolVar(&w.quiet, "quiet", false, "tell only what became of each run")
}

func (w *wishes) asks() asked {
	a := w.asked
	a.faults, a.workloads = split(w.faults), split(w.workloads)
	return a
}

func (w *wishes) keeping() keeping {
	k := keeping{dir: w.out, always: w.keep, out: os.Stderr}
	if w.quiet {
		k.out = io.Discard
	}
	return k
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func runOne(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	var w wishes
	w.define(flags)
	flags.DurationVar(&w.time, "length", 0, "how long the faults go on")
	file := flags.String("options", "", "do the run whose options are in this file; nothing else is asked then")
	scenario := flags.String("scenario", "", "the same, of a scenario: "+strings.Join(scenarioNames(), ", "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	o, err := expand(w.asks())
	switch {
	case *file != "":
		o, err = readOptions(*file)
	case *scenario != "":
		o, err = readScenario(*scenario)
	}
	if err != nil {
		return err
	}
	res := execute(ctx, o, w.keeping())
	fmt.Println(res)
	if err := appendRecord(w.results, Record{Run: &res}); err != nil {
		return err
	}
	return res.err()
}

func readOptions(path string) (Options, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Options{}, err
	}
	return parseOptions(path, data)
}

func parseOptions(name string, data []byte) (Options, error) {
	var o Options
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("%s: %w", name, err)
	}
	o = o.whole()
	return o, o.check()
}

// err is what the caller's exit code follows from.
func (r RunResult) err() error {
	text := strings.Join(r.Reasons, "\n")
	switch r.Verdict {
	case verdictFailed:
		return failedError(text)
	case verdictInvalid, verdictSkipped:
		return invalidError(text)
	}
	return nil
}

// String is a line, then the reasons where the verdict needs some.
func (r RunResult) String() string {
	var b strings.Builder
	operations := 0
	for _, c := range r.Checked {
		operations += c.Operations
	}
	fmt.Fprintf(&b, "%-7s %5.1f s  seed %d: %s under %s; %d nodes, %d replicas, appendfsync %s, reads %s, %s; %d operations checked, %d times a leader began",
		r.Verdict, r.Seconds, r.Options.Seed, strings.Join(r.Options.Workloads, ", "), strings.Join(r.Options.faultNames(), ", "),
		r.Options.Nodes, r.Options.Replicas, r.Options.AppendFsync, r.Options.Reads, r.Options.Client, operations, r.Leaders)
	for _, why := range r.Reasons {
		b.WriteString("\n        " + strings.ReplaceAll(strings.TrimSpace(why), "\n", "\n        "))
	}
	if r.Folder != "" {
		fmt.Fprintf(&b, "\n        kept in %s", r.Folder)
	}
	if r.Verdict != verdictOK {
		for _, command := range r.Options.commands("options.json") {
			if !strings.Contains(command, "-options") {
				b.WriteString("\n        replay: " + command)
			}
		}
	}
	return b.String()
}

func runList(context.Context, []string) error {
	for _, f := range faults {
		fmt.Printf("fault    %-18s %s\n", f.name, f.about)
	}
	for _, w := range workload.All() {
		fmt.Printf("workload %-18s %s\n", w.Name, w.About)
	}
	return nil
}
