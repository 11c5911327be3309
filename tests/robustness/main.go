// Command robustness lets whole clusters go through faults under work, looking for broken promises.
//
//	go run ./tests/robustness run               one run, drawn from a seed that it prints
//	go run ./tests/robustness run -options F    that run again
//	go run ./tests/robustness suite -time 8m    runs that cover faults, workloads and options
//	go run ./tests/robustness failover -n 100   how long a shard is not written to when its leader goes
//	go run ./tests/robustness elastic -n 3      what clients notice of nodes that come and go, and of slots that move
//	go run ./tests/robustness hostile           how long clients wait while others send what nobody should
//	go run ./tests/robustness figures           tables from the results of all of these
//	go run ./tests/robustness list              what there is
//
// A run has two phases: workloads under faults, one after another, then everything is healed, everybody has to be served
// again within a bound, and all replicas have to hold the same. The exit code is 1 where a promise was broken, 3 where runs
// showed nothing (too few operations, a fault without effect), 2 for any other error. What failed is kept in a folder.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/holtcache/holt/tests/cluster"
)

var commands = []struct {
	name, about string
	run         func(ctx context.Context, args []string) error
}{
	{"run", "one run; -fault, -workload, -nodes and so on leave less to the seed", runOne},
	{"suite", "runs one after another until everything is covered, or for -time", runSuite},
	{"failover", "measure failovers and planned moves of leaders", runFailover},
	{"elastic", "measure what clients notice of nodes that come and go, and of slots that move", runElastic},
	{"hostile", "attack a node in every way there is, and measure what other clients notice", runHostile},
	{"bystander", "be one of those clients until the standard input ends", runBystander},
	{"figures", "make tests/FIGURES.md from files of results", runFigures},
	{"list", "print the faults and the workloads", runList},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	if cerr := cluster.Cleanup(); cerr != nil {
		fmt.Fprintln(os.Stderr, "robustness:", cerr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "robustness:", err)
	}
	os.Exit(exitCode(err))
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(ctx, args[1:])
			}
		}
	}
	var lines []string
	for _, c := range commands {
		lines = append(lines, fmt.Sprintf("  %-9s %s", c.name, c.about))
	}
	return fmt.Errorf("name what to do:\n%s", strings.Join(lines, "\n"))
}

// commandOutput is the first line that a program says.
func commandOutput(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err
}
