package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/node"
)

func gatewayCommand() *cobra.Command {
	cfg := node.GatewayConfig{Version: version, Listen: node.DefaultListen()}
	var secure tlsFlags
	var up upstreamFlags
	var protected, clientMemory, level string
	c := &cobra.Command{
		Use:   "gateway",
		Short: "Serve plain clients of a cluster",
		Long: `Serve clients that know nothing of clusters, at one address for all keys.

A gateway keeps no data and is no node of the cluster: start as many as you like, and stop them whenever you like. It takes
Redis connections (redis-cli without -c, client libraries in their plain mode) and gRPC, and sends each command to the
leader of its slot. MGET, MSET, DEL, UNLINK, EXISTS and TOUCH may name keys of several slots; they are then several
commands, one for each slot, so such an MSET is not atomic. Other commands, and transactions, are about keys of one slot.

Its clients are the users of the cluster: they say here who they are, and may do here what they may do there. The gateway asks
the nodes who the users are, and where the slots are, as --user, who may do +acl|list and +cluster|slots at least.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkGateway(cfg); err != nil {
				return err
			}
			var err error
			if cfg.TLS, err = secure.settled(); err != nil {
				return err
			}
			if cfg.Nodes, err = up.settled(cfg.TLS); err != nil {
				return err
			}
			if cfg.User, cfg.Password, err = up.who(); err != nil {
				return err
			}
			if protected != "yes" && protected != "no" {
				return fmt.Errorf("--protected-mode=%s: use yes or no", protected)
			}
			cfg.Unprotected = protected == "no"
			if cfg.ClientsBytesMax, err = node.ParseClientMemory(clientMemory); err != nil {
				return err
			}
			log, err := newLogger(level)
			if err != nil {
				return err
			}
			cfg.Logger = log
			return runGateway(cfg)
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Listen.RESP, "resp", cfg.Listen.RESP, "address for RESP clients")
	f.StringVar(&cfg.Listen.GRPC, "grpc", cfg.Listen.GRPC, "address for gRPC clients")
	f.StringVar(&cfg.Listen.HTTP, "http", cfg.Listen.HTTP, "address for health probes")
	f.StringSliceVar(&cfg.Join, "join", nil, "gRPC addresses of nodes of the cluster; one that answers is enough")
	f.StringVar(&protected, "protected-mode", "yes", "refuse RESP and gRPC clients from other machines while 'default' needs no password: yes or no")
	secure.clientFlags(f)
	up.flags(f)
	f.StringVar(&clientMemory, "maxmemory-clients", "1gb", "memory that commands which are not whole yet and replies that wait may take, of all RESP clients together")
	f.IntVar(&cfg.Limits.ValueBytesMax, "max-value-bytes", 8<<20, fmt.Sprintf("largest value in bytes, at most %d; that of the nodes", node.ValueBytesLimit))
	f.IntVar(&cfg.ClientsMax, "maxclients", 10000, "how many RESP clients may be connected")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return withConfig(c)
}

// checkGateway refuses flags that would only show later that they make no sense.
func checkGateway(cfg node.GatewayConfig) error {
	if len(cfg.Join) == 0 {
		return fmt.Errorf("--join is empty: name the gRPC address of a node")
	}
	for _, addr := range cfg.Join {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" || port == "0" {
			return fmt.Errorf("--join=%s: want host:port of a node's gRPC address, several with commas between them", addr)
		}
	}
	if n := cfg.Limits.ValueBytesMax; n < 1 || n > node.ValueBytesLimit {
		return fmt.Errorf("--max-value-bytes=%d: use 1 to %d", n, node.ValueBytesLimit)
	}
	if cfg.ClientsMax < 1 {
		return fmt.Errorf("--maxclients=%d: use at least 1", cfg.ClientsMax)
	}
	return nil
}

// runGateway runs a gateway until a signal ends it.
func runGateway(cfg node.GatewayConfig) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	g, err := node.OpenGateway(ctx, cfg)
	if err != nil {
		return err
	}
	a := g.Addresses()
	cfg.Logger.Info("gateway is up", "resp", a.RESP, "grpc", a.GRPC, "http", a.HTTP, "version", version)
	<-ctx.Done()
	stop() // a second signal ends the process at once
	cfg.Logger.Info("stopping")
	closeCtx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	return g.Close(closeCtx)
}
