package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// Retries says which calls are tried again.
type Retries uint8

const (
	// RetryOnce gives each write an id and retries it like everything else; the cluster applies it once. The zero value.
	RetryOnce Retries = iota
	// RetryRefused retries reads, and writes that were refused before anything was applied. Writes carry no id.
	RetryRefused
)

// Config is what a client is made of.
type Config struct {
	// Addrs are gRPC addresses (host:port) of nodes of the cluster; one that answers is enough.
	Addrs []string
	// RetryMax is for how long a call is tried again where its context gives it more time, or no end. Default 10 s: longer than
	// any failover; at most 4 minutes.
	RetryMax time.Duration
	// Retries says what is retried.
	Retries Retries
	// SlotMap hears of every slot map that a node tells, one after another; nil: nobody does.
	SlotMap func(*clusterv1.SlotMap)
	// Access says how nodes are reached: by TLS (whose configuration needs no name of a server: each node's is its host), as a user.
	Access []Option
	// DialOptions go to grpc.NewClient beside the client's own, which are overruled by them: credentials, a dialer.
	DialOptions []grpc.DialOption
}

const (
	retryDefault = 10 * time.Second
	// retryLimit leaves room to what the servers allow for the end of an id, 5 minutes.
	retryLimit = 4 * time.Minute
)

// Client reads and writes keys of one cluster.
type Client struct {
	*shared
	// options are what the calls of this view ask for.
	options *cachev1.CallOptions
}

// shared is what all views of a client (With) have in common.
type shared struct {
	cfg      Config
	topology *topology
	// number names this client in request ids, sequence counts its requests.
	number   uint64
	sequence atomic.Uint64
	counters counters

	stop context.CancelFunc
	ctx  context.Context // ends with Close
	wg   sync.WaitGroup

	mu    sync.Mutex // protects the fields below
	links map[string]*link
}

// errClosed answers calls of a client that was closed.
var errClosed = apierr.New(apierr.KindShutdown, "the client is closed; not applied")

// Dial connects to a cluster and learns its slot map. It returns once a node has told it, or with an error when the context, or
// Config.RetryMax, ends before.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	if len(cfg.Addrs) == 0 {
		return nil, errors.New("client.Config.Addrs: name the gRPC address of at least one node")
	}
	if cfg.RetryMax == 0 {
		cfg.RetryMax = retryDefault
	}
	if cfg.RetryMax < 0 || cfg.RetryMax > retryLimit {
		return nil, fmt.Errorf("client.Config.RetryMax: %v is not between 0 and %v", cfg.RetryMax, retryLimit)
	}
	s := &shared{cfg: cfg, links: map[string]*link{}}
	var number [8]byte
	_, _ = rand.Read(number[:]) // never fails
	s.number = binary.BigEndian.Uint64(number[:])
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.topology = newTopology(cfg.Addrs)
	s.topology.told = cfg.SlotMap
	s.wg.Go(func() { s.topology.watch(s.ctx, s.link) })
	c := &Client{shared: s}
	ctx, cancel := context.WithTimeout(ctx, cfg.RetryMax)
	defer cancel()
	select {
	case <-s.topology.known:
		return c, nil
	case <-ctx.Done():
	}
	err := fmt.Errorf("no node of %v has told the slot map: %w; last answer: %w", cfg.Addrs, ctx.Err(), s.topology.lastErr())
	return nil, errors.Join(err, c.Close())
}

// With returns a view of the client whose calls ask for other than the cluster's defaults. Close ends all views.
func (c *Client) With(ack cachev1.AckMode, read cachev1.ReadMode) *Client {
	return &Client{shared: c.shared, options: &cachev1.CallOptions{AckMode: ack, ReadMode: read}}
}

// Doubt says that the slot map has led somebody astray: it is asked for at another node.
func (c *Client) Doubt() { c.topology.doubted() }

// connectMax bounds one attempt to connect, and the pause before the next.
const connectMax = time.Second

// connect prepares a connection to a node. It connects with the first call.
func (s *shared) connect(addr string) (*grpc.ClientConn, error) {
	options := append(accessOf(s.cfg.Access).dialOptions(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: connectMax},
			MinConnectTimeout: connectMax,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(replyBytesMax)),
		grpc.WithDisableServiceConfig(), // nobody else repeats calls
	)
	options = append(options, s.cfg.DialOptions...)
	return grpc.NewClient("passthrough:///"+addr, options...)
}

// link is the connection to a node.
func (s *shared) link(addr string) (*link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, errClosed
	}
	if l := s.links[addr]; l != nil {
		return l, nil
	}
	conn, err := s.connect(addr)
	if err != nil {
		return nil, fmt.Errorf("gRPC address %s: %w", addr, err)
	}
	l := newLink(s.ctx, addr, conn, &s.counters)
	s.links[addr] = l
	s.wg.Go(func() {
		l.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.links[addr] == l {
			delete(s.links, addr)
		}
	})
	return l, nil
}

// Close ends all calls and connections and returns when nothing runs any more. It may be called twice.
func (c *Client) Close() error {
	c.stop()
	c.wg.Wait()
	return nil
}
