// Command bench measures a cluster of Holt on this machine beside Redis.
//
// Each system is started on free ports with its data in a temporary folder, takes the same loads, and is stopped before
// the next one starts. With -runs the systems take turns (A B A B), since a machine that others use too is faster at one
// moment than at another; the table has medians over the runs, with the slowest and the fastest. Load generator and
// servers share the processors: rates are those of the whole machine, the CPU time of the servers is in a column of its
// own.
//
// With the word eviction in front of the flags it compares what full caches still find instead (see package hitratio).
//
//	go run ./tests/bench -only holt -seconds 5 -runs 1
//	go run ./tests/bench eviction -time 2m
//	go run ./tests/bench -rate 5000 -pipeline 1 -ops set -out raw.jsonl
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
)

func main() {
	// The servers are told of the end of the thread that started them, so this one stays.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "eviction" {
		return eviction(ctx, args[1:], os.Stdout)
	}
	plan, err := parsePlan(args)
	if err != nil {
		return err
	}
	return plan.execute(ctx, os.Stdout)
}
