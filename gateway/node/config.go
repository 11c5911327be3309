package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/logstore"
)

// Config is what a server is started with. Addresses are host:port.
type Config struct {
	// Dir is the data folder.
	Dir string
	// Listen is where this node listens, Advertise how others reach it; what is empty in Advertise is taken from Listen.
	Listen, Advertise meta.Addresses
	// Join are cluster addresses of nodes of the cluster to join, or to find again after a restart.
	Join []string
	Zone string
	// Version is that of the program.
	Version string
	// TLS says which ports speak TLS.
	TLS TLS
	// GossipKeys is a file with the keys of gossip; empty means that it is plain.
	GossipKeys string
	// Password is that of the default user as long as the cluster has none of its own; empty means that he needs none.
	Password string
	// Unprotected lets clients from elsewhere in though the default user needs no password.
	Unprotected bool
	Limits      ops.Limits
	// RESPMode says what becomes of commands on keys of other nodes; the zero value means RESPCluster.
	RESPMode RESPMode
	// ClientsMax bounds the RESP connections; 0 means the default.
	ClientsMax int
	// ClientsBytesMax bounds what those connections hold together; 0 means the default.
	ClientsBytesMax int
	// EnableDebug lets RESP clients use DEBUG.
	EnableDebug bool
	// Shutdown begins to end the process when a client asks for it; nil where clients cannot.
	Shutdown func()
	// LogStore says what keeps the logs; the zero value means wal.
	LogStore host.LogStore
	// AppendFsync is the setting of a cluster that is created at this node; the zero value means always. A node goes by the
	// cluster's setting, and until it knows that, by always.
	AppendFsync meta.Fsync
	// MaxMemoryBytes is what keys and values may take on this node, 0 for no limit; nil leaves it at what the cluster
	// remembers of this node, which for a new one is no limit.
	MaxMemoryBytes *int64
	// Wall is the wall clock, by which keys expire; time.Now where it is nil.
	Wall func() time.Time
	// MigrationStep hears of each step of the migrations that this node drives, by the names of package migration; nil for
	// nobody.
	MigrationStep func(step string)
	// Profile serves Go's profiles at the HTTP port: they show what keys and values are in memory.
	Profile bool
	Logger  *slog.Logger
	// Fatal stops the process: a write to disk failed, and whatever this node would go on saying could be wrong.
	Fatal func(error)

	beforeLoad func(context.Context, loadStage) // for tests
}

// RESPMode says what a RESP client hears whose keys are elsewhere.
type RESPMode uint8

const (
	// RESPCluster redirects, as Redis Cluster does.
	RESPCluster RESPMode = iota
	// RESPProxy asks the other node and passes on what that answers.
	RESPProxy
)

// SetRESPMode takes the word of --resp-mode.
func (c *Config) SetRESPMode(word string) error {
	mode, ok := map[string]RESPMode{"cluster": RESPCluster, "proxy": RESPProxy}[word]
	if !ok {
		return fmt.Errorf("--resp-mode=%s: use cluster or proxy", word)
	}
	c.RESPMode = mode
	return nil
}

// DefaultListen are the ports of the design, on loopback.
func DefaultListen() meta.Addresses {
	return meta.Addresses{RESP: "127.0.0.1:6379", GRPC: "127.0.0.1:6380", Cluster: "127.0.0.1:6381", Gossip: "127.0.0.1:6382", HTTP: "127.0.0.1:6383"}
}

// advertised is the address by which others reach a listener.
func advertised(what, listen, advertise string) (string, error) {
	if advertise == "" {
		advertise = listen
	}
	host, port, err := net.SplitHostPort(advertise)
	if err != nil {
		return "", fmt.Errorf("%s address %q: want host:port: %w", what, advertise, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("%s address %s is all addresses of this machine: name the one that other nodes and clients reach with --advertise", what, advertise)
	}
	if _, listenPort, err := net.SplitHostPort(listen); err == nil && port == "0" {
		port = listenPort // the port that was found
	}
	return net.JoinHostPort(host, port), nil
}

// SetLog takes the words of --log-store and --appendfsync.
func (c *Config) SetLog(store, policy string) error {
	var err error
	if c.LogStore, err = host.ParseLogStore(store); err != nil {
		return fmt.Errorf("--log-store=%s: %w", store, err)
	}
	sync, err := logstore.ParseSyncPolicy(policy)
	if err != nil {
		return fmt.Errorf("--appendfsync=%s: %w", policy, err)
	}
	if c.LogStore == host.LogStoreBolt {
		if err := sync.OnBolt(); err != nil {
			return fmt.Errorf("--log-store=bolt: %w", err)
		}
	}
	c.AppendFsync = map[logstore.SyncPolicy]meta.Fsync{
		logstore.SyncAlways: meta.FsyncAlways, logstore.SyncEverySec: meta.FsyncEverySec, logstore.SyncNo: meta.FsyncNo,
	}[sync]
	return nil
}

// SetMaxMemory takes the word of --maxmemory; an empty one is no word.
func (c *Config) SetMaxMemory(text string) error {
	if text == "" {
		return nil
	}
	bytes, err := meta.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("--maxmemory=%s: use bytes, or 100mb, 2gb and the like; 0 is no limit", text)
	}
	c.MaxMemoryBytes = &bytes
	return nil
}

// SetClientMemory takes the word of --maxmemory-clients.
func (c *Config) SetClientMemory(text string) (err error) {
	c.ClientsBytesMax, err = ParseClientMemory(text)
	return err
}

// ParseClientMemory reads the word of --maxmemory-clients.
func ParseClientMemory(text string) (int, error) {
	bytes, err := meta.ParseBytes(text)
	if err != nil || bytes < clientMemoryMin {
		return 0, fmt.Errorf("--maxmemory-clients=%s: use at least %dmb, such as 256mb or 1gb", text, clientMemoryMin>>20)
	}
	return int(bytes), nil
}

// clientMemoryMin is the longest command and the largest reply of one client, with the default --max-value-bytes.
const clientMemoryMin = 192 << 20

// SetAdvertiseHost fills the advertise addresses that are empty with a host and the ports that are listened on.
func (c *Config) SetAdvertiseHost(host string) error {
	if host == "" {
		return nil
	}
	for _, a := range []struct {
		advertise *string
		listen    string
	}{
		{&c.Advertise.RESP, c.Listen.RESP}, {&c.Advertise.GRPC, c.Listen.GRPC}, {&c.Advertise.Cluster, c.Listen.Cluster},
		{&c.Advertise.Gossip, c.Listen.Gossip}, {&c.Advertise.HTTP, c.Listen.HTTP},
	} {
		_, port, err := net.SplitHostPort(a.listen)
		if err != nil {
			return fmt.Errorf("address %q: want host:port: %w", a.listen, err)
		}
		if *a.advertise == "" {
			*a.advertise = net.JoinHostPort(host, port)
		}
	}
	return nil
}
