// Command bench measures Holt on this machine, beside what it is compared with.
//
//	go run ./tests/bench throughput   writes and reads a second of three nodes, beside Redis and etcd
//	go run ./tests/bench gateway      the same through a gateway, beside clients that go to the leaders themselves
//	go run ./tests/bench log          the write-ahead log beside raft-boltdb, and what groups cost in fsyncs
//	go run ./tests/bench latency      one connection's write beside three fdatasyncs
//	go run ./tests/bench memory       bytes a key, with and without TTL, and after overwriting, beside Redis
//	go run ./tests/bench gc           garbage collection with few keys and with many
//	go run ./tests/bench eviction     hit ratios of full caches, beside Redis
//	go run ./tests/bench expiry       writers while a million keys expire in one second
//	go run ./tests/bench move         slots with 2 million keys from one shard to another, beside redis-cli --cluster reshard
//	go run ./tests/bench SUBJECT -h   its flags
//
// Each subject is a row of the table in this file and a file of its own. Systems are started on free ports with their
// data in a temporary folder, and stopped before the next one starts. What is compared takes turns (A B A B), since a
// machine that others use too is faster at one moment than at another; tables have medians over the runs, with the
// slowest and the fastest. Load generator and servers share the processors: rates are those of the whole machine, the CPU
// time of the servers is in a column of its own. With -out every measurement is kept as a line of JSON. A target that is
// missed is no error: the tables name the targets, the reader judges.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"text/tabwriter"
)

// subject is one question and what measures the answer.
type subject struct {
	name, about string
	// setup declares the flags and returns what runs when they are parsed.
	setup func(*flag.FlagSet) func(context.Context, *bench) error
}

var subjects = []subject{
	{"throughput", "writes and reads a second of three nodes, beside Redis and etcd", throughput},
	{"gateway", "the same through a gateway, beside clients that go to the leaders themselves", throughGateway},
	{"log", "the write-ahead log beside raft-boltdb, and what groups cost in fsyncs", logStores},
	{"latency", "one connection's write beside three fdatasyncs", latency},
	{"memory", "bytes a key, with and without TTL, and after overwriting, beside Redis", memory},
	{"gc", "garbage collection with few keys and with many", collection},
	{"eviction", "hit ratios of full caches, beside Redis", eviction},
	{"expiry", "writers while a million keys expire in one second", expiry},
	{"move", "slots with 2 million keys from one shard to another, beside redis-cli --cluster reshard", move},
}

func main() {
	// The servers are told of the end of the thread that started them, so this one stays.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures the subject that the first argument names.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, s := range subjects {
			if s.name == args[0] {
				return s.run(ctx, args[1:], os.Stdout)
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: bench SUBJECT [flags]")
	t := tabwriter.NewWriter(os.Stderr, 0, 0, 2, ' ', 0)
	for _, s := range subjects {
		fmt.Fprintf(t, "  %s\t%s\n", s.name, s.about)
	}
	t.Flush()
	if len(args) == 0 {
		return errors.New("which subject?")
	}
	return fmt.Errorf("%q: there is no such subject", args[0])
}
