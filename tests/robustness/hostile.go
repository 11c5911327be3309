package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/holtcache/holt/tests/bench/system"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/hostile"
	"github.com/holtcache/holt/tests/workload"
)

// hostileMax is how long a client may wait while others attack.
const hostileMax = 100 * time.Millisecond

const (
	// clientsMax is what the node lets clients hold together, --maxmemory-clients.
	clientsMax = 192 << 20
	// grownMax is what the node may take more than before: what clients hold, as much again until the garbage collector has
	// looked, and what it works on.
	grownMax = 2*clientsMax + 96<<20
)

// siege is a node that is attacked, and what came of it.
type siege struct {
	c     *cluster.Cluster
	node  *cluster.Node
	table *tabwriter.Writer
	// before is the memory that the node had when nobody attacked it yet.
	before int64
	// profiles is where profiles are put; empty: there are none.
	profiles string
	// broken are the promises that were.
	broken []string
}

func runHostile(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("hostile", flag.ContinueOnError)
	span := flags.Duration("time", 3*time.Second, "how long each attack goes on")
	crowd := flags.Bool("crowd", false, "attack from many connections at once, not from one (those that are silent are many in any case)")
	only := flags.String("attack", "", "only attacks with this in their name")
	profiles := flags.String("profiles", "", "put a profile of the node's processors and its heap during each attack into this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	t := &step{out: os.Stderr}
	s := &siege{profiles: *profiles, table: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)}
	t.do(func() {
		s.c = cluster.Start(t, cluster.Options{Nodes: 1, Args: []string{"--pprof", "--maxmemory-clients", strconv.Itoa(clientsMax)}})
		s.node = s.c.Nodes[0]
		if err := s.all(ctx, *only, *crowd, *span); err != nil {
			t.Fatalf("%v", err)
		}
	})
	if failed := t.failed(); len(failed) > 0 {
		return failedError(strings.Join(failed, "\n"))
	}
	if len(s.broken) > 0 {
		return failedError(strings.Join(s.broken, "\n"))
	}
	return ctx.Err()
}

// all goes through the attacks, and before them through a time without any.
func (s *siege) all(ctx context.Context, only string, crowd bool, span time.Duration) error {
	conn, err := workload.Dial(s.node.Addr.RESP, cluster.Deadline, []string{"SET", "big", strings.Repeat("v", 8<<20)})
	if err != nil {
		return err
	}
	conn.Close()
	if s.before, err = system.ResidentBytes(s.node.PID()); err != nil {
		return err
	}
	fmt.Fprintln(s.table, "attack\tmedian\tp99\tlongest\twork\trequests\tMiB more\t")
	attacks := append([]hostile.Attack{{Name: "none"}}, hostile.Attacks("big")...)
	for _, a := range attacks {
		if !strings.Contains(a.Name, only) || ctx.Err() != nil {
			continue
		}
		if !crowd && a.Manner != hostile.Hold {
			a.Conns = min(a.Conns, 1)
		}
		if err := s.under(ctx, a, span); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return s.table.Flush()
}

// under measures during one attack.
func (s *siege) under(ctx context.Context, a hostile.Attack, span time.Duration) error {
	waits := make(chan error, 1)
	var w hostile.Waits
	ask, end := context.WithCancel(ctx)
	defer end()
	go func() {
		var err error
		w, err = bystander(ask, s.node.Addr.RESP, s.node.PID())
		waits <- err
	}()
	attack, stop := context.WithTimeout(ctx, span)
	defer stop()
	var peak atomic.Int64
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(ask, &peak)
	}()
	profiled := make(chan error, 1)
	go func() { profiled <- s.profile(attack, a.Name, span) }()
	a.Run(attack, s.addr(a.Port))
	<-attack.Done()
	end()
	<-watched
	if err := <-profiled; err != nil {
		return err
	}
	if err := <-waits; err != nil {
		return err
	}
	grown := peak.Load() - s.before
	micros := func(n int64) Duration { return Duration(time.Duration(n) * time.Microsecond) }
	fmt.Fprintf(s.table, "%s\t%v\t%v\t%v\t%v\t%d\t%d\t\n", a.Name, micros(w.Median), micros(w.P99), micros(w.Max), micros(w.Work), w.Requests, grown>>20)
	s.judge(a, w, grown)
	return nil
}

// profile fetches what the node does during an attack.
func (s *siege) profile(ctx context.Context, attack string, span time.Duration) error {
	if s.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return err
	}
	seconds := fmt.Sprintf("?seconds=%d", max(1, int(span.Seconds())-1))
	fetched := make(chan error)
	go func() { fetched <- s.fetch("profile"+seconds, attack+".profile") }()
	go func() { fetched <- s.fetch("trace"+seconds, attack+".trace") }()
	go func() {
		<-ctx.Done()
		fetched <- s.fetch("heap", attack+".heap")
	}()
	return errors.Join(<-fetched, <-fetched, <-fetched)
}

// fetch puts a profile into a file.
func (s *siege) fetch(what, name string) error {
	response, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/%s", s.node.Addr.HTTP, what))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.profiles, strings.NewReplacer(" ", "-", ":", "", ",", "").Replace(name)), body, 0o644)
}

// watch notes the most memory that the node has until ctx ends.
func (s *siege) watch(ctx context.Context, peak *atomic.Int64) {
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		if now, err := system.ResidentBytes(s.node.PID()); err == nil {
			peak.Store(max(peak.Load(), now))
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// judge tells what should not have been.
func (s *siege) judge(a hostile.Attack, w hostile.Waits, grown int64) {
	say := func(format string, args ...any) {
		s.broken = append(s.broken, a.Name+": "+fmt.Sprintf(format, args...))
	}
	if !s.node.Running() {
		say("the node has ended")
	}
	if strings.Contains(s.node.Log(), "panicked") {
		say("a connection panicked")
	}
	if waited := time.Duration(w.Max) * time.Microsecond; waited > hostileMax {
		say("another client waited for %v, and %v is the most", waited, hostileMax)
	}
	if grown > grownMax {
		say("the node took %d MiB more than before, and %d MiB is the most", grown>>20, int64(grownMax)>>20)
	}
	for _, f := range w.Failures {
		say("another client got %s", f)
	}
}

// addr is the address of one of the node's ports.
func (s *siege) addr(p hostile.Port) string {
	return map[hostile.Port]string{
		hostile.RESPPort: s.node.Addr.RESP, hostile.GRPCPort: s.node.Addr.GRPC, hostile.ClusterPort: s.node.Addr.Cluster,
		hostile.GossipPort: s.node.Addr.Gossip, hostile.HTTPPort: s.node.Addr.HTTP,
	}[p]
}

// bystander runs runBystander in a process of its own, which does not share ours with the attackers, until ctx ends.
func bystander(ctx context.Context, addr string, pid int) (w hostile.Waits, err error) {
	program, err := os.Executable()
	if err != nil {
		return w, err
	}
	command := exec.Command(program, "bystander", addr, strconv.Itoa(pid))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return w, err
	}
	stop := context.AfterFunc(ctx, func() { in.Close() })
	defer stop()
	out, err := command.Output()
	if err != nil {
		return w, err
	}
	return w, json.Unmarshal(out, &w)
}

func runBystander(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("bystander: name the address of a node, and its process")
	}
	pid, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("bystander: %w", err)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	w, err := hostile.Bystander(ctx, args[0], pid)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(w)
}
