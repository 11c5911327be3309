// Command snapshot measures snapshots: how long one of many keys is written and loaded, how large it is, beside the RDB file
// of Redis; and what writers notice while one is written.
//
//	go run ./tests/bench/snapshot
//	go run ./tests/bench/snapshot -only writers -rounds 5
//
// Both stores hold the same keys of 16 bytes with values of 64 bytes: random ones, which nothing can compress, and ones
// that look like JSON. Files are synced by both before the time is taken. For the writers a cluster of three nodes (-nodes) takes
// SET at half of its peak rate, by an open clock; the nodes write snapshots in turn, one node at a time without a pause.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// plan is what the flags ask for.
type plan struct {
	only    string
	keys    int
	runs    int
	rounds  int
	window  time.Duration
	nodes   int
	program string
	dir     string
}

func main() {
	runtime.LockOSThread() // servers are told of the end of the thread that started them
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &plan{}
	flag.StringVar(&p.only, "only", "", "files or writers; empty measures both")
	flag.IntVar(&p.keys, "keys", 2_000_000, "how many keys there are")
	flag.IntVar(&p.runs, "runs", 3, "how often a snapshot is written and loaded")
	flag.IntVar(&p.rounds, "rounds", 5, "how often writers are measured without and with a snapshot, in turns")
	flag.DurationVar(&p.window, "window", 4*time.Second, "how long each measurement of writers takes")
	flag.IntVar(&p.nodes, "nodes", 3, "how many nodes the writers' cluster has")
	flag.StringVar(&p.program, "holt", "", "the program holt; empty builds it from this module")
	flag.StringVar(&p.dir, "dir", os.TempDir(), "where the temporary folder with the data is made: the disk that is measured")
	flag.Parse()
	if err := p.execute(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "snapshot:", err)
		os.Exit(1)
	}
}

func (p *plan) execute(ctx context.Context, w io.Writer) (err error) {
	if p.keys < 1000 || p.runs < 1 || p.rounds < 1 || p.window < 100*time.Millisecond {
		return errors.New("use at least 1000 keys, 1 run, 1 round, a window of 100ms")
	}
	dir, err := os.MkdirTemp(p.dir, "holt-snapshot-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(w, "%d keys of 16 bytes, values of %d; %d processors\n", p.keys, valueBytes, runtime.NumCPU())
	if p.only != "writers" {
		if err := p.files(ctx, w, dir); err != nil {
			return err
		}
	}
	if p.only != "files" {
		return p.writers(ctx, w, dir)
	}
	return nil
}
