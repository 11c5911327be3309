package gossip

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
)

// Config says who this node is, where it listens and whom it asks first.
type Config struct {
	ClusterID string // messages of other clusters are refused; at most 255 bytes
	NodeID    string
	Self      Node // Start, addresses and zone of this node; ID, State and Since are filled in

	BindAddr      string // host:port, tcp and udp; port 0 takes a free one
	AdvertiseAddr string // host:port by which others reach BindAddr; empty means BindAddr

	// Seeds returns gossip addresses (host:port) of nodes to find the cluster by. It is asked again as long as this
	// node runs, since memberlist forgets dead nodes and must find them again. It must not block; nil means none.
	Seeds func() []string

	// Sockets opens what this node gossips through; nil means this machine's own. Tests give others.
	Sockets func(bind netip.AddrPort, l *log.Logger) (Sockets, error)

	// SecretKeys are AES keys of 16, 24 or 32 bytes: all gossip is encrypted with the first, and what was encrypted with any of
	// them is understood. Without one it is plain, and what is encrypted is not understood.
	SecretKeys [][]byte
	Logger     *slog.Logger

	ProbeInterval    time.Duration // one node is probed per interval; default 500 ms
	ProbeTimeout     time.Duration // wait for the answer over UDP; default 200 ms
	SuspicionMult    int           // a suspect node is dead after about this many probe intervals; default 3
	GossipInterval   time.Duration // default 200 ms
	PushPullInterval time.Duration // full exchange with one node; default 10 s
	StreamTimeout    time.Duration // one exchange over TCP; default 2 s
	ReclaimTime      time.Duration // how long a node is dead before its id may come back with a new address; default 1 ms
	RetainTime       time.Duration // how long memberlist gossips to the dead, and how long a start counts; default 30 s
	RejoinMin        time.Duration // first wait after a seed did not answer; default 500 ms
	RejoinMax        time.Duration // longest wait, and the rhythm of looking for missing seeds; default 30 s
}

// Errors of Open that callers tell apart.
var (
	ErrMetaTooLong = errors.New("node metadata too long for gossip")
	ErrClosed      = errors.New("gossip is closed")
)

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Seeds == nil {
		c.Seeds = func() []string { return nil }
	}
	if c.SuspicionMult == 0 {
		c.SuspicionMult = 3
	}
	for _, d := range []struct {
		value  *time.Duration
		preset time.Duration
	}{
		{&c.ProbeInterval, 500 * time.Millisecond},
		{&c.ProbeTimeout, 200 * time.Millisecond},
		{&c.GossipInterval, 200 * time.Millisecond},
		{&c.PushPullInterval, 10 * time.Second},
		{&c.StreamTimeout, 2 * time.Second},
		{&c.ReclaimTime, time.Millisecond},
		{&c.RetainTime, 30 * time.Second},
		{&c.RejoinMin, 500 * time.Millisecond},
		{&c.RejoinMax, 30 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.preset
		}
	}
}

func (c *Config) validate() error {
	if len(c.ClusterID) == 0 || len(c.ClusterID) > memberlist.LabelMaxSize {
		return fmt.Errorf("cluster id has %d bytes; gossip takes 1 to %d", len(c.ClusterID), memberlist.LabelMaxSize)
	}
	if !validID(c.NodeID) {
		return fmt.Errorf("node id %q: use 1 to %d letters, digits, '.', '_' or '-'", c.NodeID, idBytesMax)
	}
	for _, f := range []struct{ name, value string }{
		{"RESP address", c.Self.RESP}, {"gRPC address", c.Self.GRPC}, {"cluster address", c.Self.Cluster},
		{"HTTP address", c.Self.HTTP}, {"gossip address", c.Self.Gossip}, {"zone", c.Self.Zone},
	} {
		if !validText(f.value) {
			return fmt.Errorf("%s %q: only visible ASCII without comma, at most %d bytes, can be announced", f.name, f.value, textBytesMax)
		}
	}
	if err := checkKeys(c.SecretKeys); err != nil {
		return err
	}
	if c.SuspicionMult < 1 {
		return fmt.Errorf("suspicion multiplier %d: use 1 or more", c.SuspicionMult)
	}
	for _, d := range []time.Duration{c.ProbeTimeout, c.GossipInterval, c.PushPullInterval, c.StreamTimeout, c.ReclaimTime, c.RetainTime, c.RejoinMin} {
		if d < 0 {
			return fmt.Errorf("gossip interval %v is negative", d)
		}
	}
	if c.ProbeTimeout >= c.ProbeInterval {
		return fmt.Errorf("probe timeout %v is not below the probe interval %v", c.ProbeTimeout, c.ProbeInterval)
	}
	if c.RejoinMax < c.RejoinMin {
		return fmt.Errorf("longest rejoin wait %v is below the first %v", c.RejoinMax, c.RejoinMin)
	}
	return nil
}

// memberlistConfig translates c. Compression is off: our packets are small, and it costs CPU for each.
func (c *Config) memberlistConfig() (*memberlist.Config, error) {
	m := memberlist.DefaultLANConfig()
	m.Name = c.NodeID
	m.Label = c.ClusterID
	if len(c.SecretKeys) > 0 {
		ring, err := memberlist.NewKeyring(c.SecretKeys, c.SecretKeys[0])
		if err != nil {
			return nil, fmt.Errorf("gossip keys: %w", err)
		}
		m.Keyring = ring
	}
	m.ProbeInterval = c.ProbeInterval
	m.ProbeTimeout = c.ProbeTimeout
	m.SuspicionMult = c.SuspicionMult
	m.GossipInterval = c.GossipInterval
	m.PushPullInterval = c.PushPullInterval
	m.TCPTimeout = c.StreamTimeout
	m.DeadNodeReclaimTime = c.ReclaimTime
	m.GossipToTheDeadTime = c.RetainTime
	m.EnableCompression = false
	return m, nil
}
