package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/node"
)

// stopMax bounds how long a server takes to hand over its leaderships and to finish what is in flight.
const stopMax = 10 * time.Second

func serverCommand() *cobra.Command {
	cfg := node.Config{Version: version, Listen: node.DefaultListen(), Wall: wall, MigrationStep: migrationStep}
	var advertise, logStore, appendfsync, maxMemory, respMode, level string
	var secure tlsFlags
	var protected, clientMemory string
	c := &cobra.Command{
		Use:   "server",
		Short: "Run one node",
		Long: `Run one node.

A node with an empty data folder belongs to no cluster: start the first with neither cluster nor --join and run
'holt cluster init' against it, start the others with --join. A node that belongs to a cluster finds it again by itself;
give --join then too where addresses change.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := cfg.SetLog(logStore, appendfsync); err != nil {
				return err
			}
			if err := cfg.SetMaxMemory(maxMemory); err != nil {
				return err
			}
			if err := cfg.SetRESPMode(respMode); err != nil {
				return err
			}
			if err := checkServer(cfg, advertise); err != nil {
				return err
			}
			if err := cfg.SetAdvertiseHost(advertise); err != nil {
				return err
			}
			var err error
			if cfg.TLS, err = secure.settled(); err != nil {
				return err
			}
			if protected != "yes" && protected != "no" {
				return fmt.Errorf("--protected-mode=%s: use yes or no", protected)
			}
			cfg.Unprotected = protected == "no"
			if err := cfg.SetClientMemory(clientMemory); err != nil {
				return err
			}
			log, err := newLogger(level)
			if err != nil {
				return err
			}
			cfg.Logger = log
			return runServer(cfg)
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Dir, "dir", "holt-data", "data folder; an empty one makes a new node")
	f.StringVar(&cfg.Listen.RESP, "resp", cfg.Listen.RESP, "address for RESP clients")
	f.StringVar(&cfg.Listen.GRPC, "grpc", cfg.Listen.GRPC, "address for gRPC clients and for holt cluster")
	f.StringVar(&cfg.Listen.Cluster, "cluster", cfg.Listen.Cluster, "address for other nodes")
	f.StringVar(&cfg.Listen.Gossip, "gossip", cfg.Listen.Gossip, "address for gossip, tcp and udp")
	f.StringVar(&cfg.Listen.HTTP, "http", cfg.Listen.HTTP, "address for the dashboard, health probes and metrics")
	f.StringVar(&advertise, "advertise", "", "host by which clients and other nodes reach this node, where it is not that of the addresses above")
	f.StringVar(&cfg.Advertise.RESP, "advertise-resp", "", "host:port by which RESP clients reach this node")
	f.StringVar(&cfg.Advertise.GRPC, "advertise-grpc", "", "host:port by which gRPC clients reach this node")
	f.StringVar(&cfg.Advertise.Cluster, "advertise-cluster", "", "host:port by which other nodes reach this node")
	f.StringVar(&cfg.Advertise.Gossip, "advertise-gossip", "", "host:port by which gossip reaches this node")
	f.StringVar(&cfg.Advertise.HTTP, "advertise-http", "", "host:port by which probes reach this node")
	f.StringSliceVar(&cfg.Join, "join", nil, "cluster addresses of nodes of the cluster to join or to find again")
	f.StringVar(&cfg.Zone, "zone", "", "failure domain of this node; replicas of a shard are spread over zones")
	f.StringVar(&cfg.Password, "requirepass", "", "password of the user 'default', for RESP and gRPC, as long as the cluster has no such user of its own (CONFIG SET requirepass, holt user set)")
	f.StringVar(&protected, "protected-mode", "yes", "refuse RESP and gRPC clients from other machines while 'default' needs no password: yes or no")
	f.StringVar(&cfg.GossipKeys, "gossip-key-file", "", "file with keys of gossip, one on each line, as holt gossip-key prints them; empty: gossip is not encrypted")
	secure.flags(f)
	f.IntVar(&cfg.Limits.ValueBytesMax, "max-value-bytes", 8<<20, fmt.Sprintf("largest value in bytes, at most %d", node.ValueBytesLimit))
	f.StringVar(&clientMemory, "maxmemory-clients", "1gb", "memory that commands which are not whole yet and replies that wait may take, of all RESP clients together")
	f.IntVar(&cfg.ClientsMax, "maxclients", 10000, "how many RESP clients may be connected")
	f.BoolVar(&cfg.EnableDebug, "enable-debug-command", false, "let RESP clients use DEBUG: for test suites")
	f.StringVar(&maxMemory, "maxmemory", "", "memory that keys and values may take on this node, such as 100mb or 2gb; 0 is no limit; empty keeps what CONFIG SET has left")
	f.StringVar(&appendfsync, "appendfsync", "always", "when a cluster that is created at this node syncs its logs to disk: always, everysec or no; later holt cluster set changes that")
	f.StringVar(&logStore, "log-store", "wal", "what keeps the log: wal (one write-ahead log for all groups) or bolt (a raft-boltdb file for each)")
	f.BoolVar(&cfg.Profile, "pprof", false, "serve Go's profiles below /debug/pprof at the HTTP address; they can show keys and values")
	f.StringVar(&respMode, "resp-mode", "cluster", "what RESP clients are told whose keys are elsewhere: cluster (MOVED and ASK) or proxy (nothing: this node asks there, as holt gateway does)")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return withConfig(c)
}

func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level=%s: use debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}

// runServer runs a node until a signal ends it.
func runServer(cfg node.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cfg.Shutdown = context.WithCancel(ctx)
	defer cfg.Shutdown()
	cfg.Fatal = func(err error) {
		// Nothing that this process would still say could be trusted: no clean-up, no more answers.
		cfg.Logger.Error("stopped: the disk failed, or the log contradicts what was applied; look at the disk, then start the node again", "err", err)
		os.Exit(2)
	}
	n, err := node.Start(cfg)
	if err != nil {
		return err
	}
	a := n.Addresses()
	err = n.Loaded(ctx)
	if err != nil && ctx.Err() == nil {
		closed, cancel := context.WithCancel(context.Background())
		cancel() // nobody was served yet
		return errors.Join(err, n.Close(closed))
	}
	if err == nil {
		cfg.Logger.Info("node is up", "node", n.ID(), "resp", a.RESP, "grpc", a.GRPC, "cluster", a.Cluster, "gossip", a.Gossip, "http", a.HTTP, "version", version)
	}
	<-ctx.Done()
	stop() // a second signal ends the process at once
	cfg.Logger.Info("stopping")
	closeCtx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	if err := n.Close(closeCtx); err != nil {
		return err
	}
	cfg.Logger.Info("stopped")
	return nil
}
