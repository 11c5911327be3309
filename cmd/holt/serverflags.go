package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/holtcache/holt/gateway/node"
)

// checkServer refuses flags that would only show later that they make no sense.
func checkServer(cfg node.Config, advertise string) error {
	if cfg.Dir == "" {
		return fmt.Errorf("--dir is empty: name the data folder")
	}
	if n := cfg.Limits.ValueBytesMax; n < 1 || n > node.ValueBytesLimit {
		return fmt.Errorf("--max-value-bytes=%d: use 1 to %d; a value travels in one log entry and in one message between nodes", n, node.ValueBytesLimit)
	}
	if cfg.ClientsMax < 1 {
		return fmt.Errorf("--maxclients=%d: use at least 1", cfg.ClientsMax)
	}
	for _, a := range []struct {
		flag, addr string
		optional   bool
	}{
		{"--resp", cfg.Listen.RESP, false}, {"--grpc", cfg.Listen.GRPC, false}, {"--cluster", cfg.Listen.Cluster, false},
		{"--gossip", cfg.Listen.Gossip, false}, {"--http", cfg.Listen.HTTP, false},
		{"--advertise-resp", cfg.Advertise.RESP, true}, {"--advertise-grpc", cfg.Advertise.GRPC, true},
		{"--advertise-cluster", cfg.Advertise.Cluster, true}, {"--advertise-gossip", cfg.Advertise.Gossip, true},
		{"--advertise-http", cfg.Advertise.HTTP, true},
	} {
		if a.addr == "" && a.optional {
			continue
		}
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			return fmt.Errorf("%s=%s: want host:port", a.flag, a.addr)
		}
	}
	for _, addr := range cfg.Join {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" || port == "0" {
			return fmt.Errorf("--join=%s: want host:port of a node's cluster address, several with commas between them", addr)
		}
	}
	if _, _, err := net.SplitHostPort(advertise); advertise != "" && (err == nil || strings.ContainsAny(advertise, "[]/ ")) {
		return fmt.Errorf("--advertise=%s: name a host alone; for single addresses there are --advertise-resp and its like", advertise)
	}
	return nil
}
