package grpcserver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/router"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// Defaults is what a call gets that does not say what it wants.
type Defaults struct {
	Ack      router.Ack
	ReadMode router.ReadMode
}

// Config is what a server is made of.
type Config struct {
	Router  *router.Router
	Forward Forwarder
	// Admin does what operators ask; nil: this server has no AdminService.
	Admin Admin
	// Access decides who may call what.
	Access *acl.Registry
	// Protected tells that calls from elsewhere are refused while the default user needs no password; nil: they are not.
	Protected func() bool
	// Defaults returns what the cluster's settings say now; nil stands for AckMajority and ReadLease.
	Defaults func() Defaults
	Limits   Limits
	// Loading tells that the node is loading its data, so that no call on keys can be served; nil: it never is.
	Loading func() bool
	// Wall is the wall clock; time.Now where it is nil.
	Wall func() time.Time
	// Logger hears of panics and of a stop that took too long; nil: nobody does.
	Logger *slog.Logger
	// Options go to grpc.NewServer beside the server's own: credentials, statistics.
	Options []grpc.ServerOption
}

// Server serves the services of one node.
type Server struct {
	cfg    Config
	router *router.Router
	limits Limits
	log    *slog.Logger
	public *grpc.Server
	maps   slotMaps
	// commands are those that stand for requests where it is asked who may make them.
	commands commands
	// hits and misses count what reads have looked for.
	hits, misses atomic.Uint64
	// watches counts the streams of Watch.
	watches atomic.Int64

	stop sync.Once
	// stopping is closed when Stop begins; streams that last end with it.
	stopping chan struct{}
}

// New returns a server. It runs nothing until Public is given a listener.
func New(cfg Config) (*Server, error) {
	if cfg.Router == nil || cfg.Forward == nil || cfg.Access == nil {
		return nil, errors.New("grpcserver.Config: Router, Forward and Access must be set")
	}
	s := &Server{
		cfg:      cfg,
		router:   cfg.Router,
		limits:   cfg.Limits.WithDefaults(),
		log:      cfg.Logger,
		stopping: make(chan struct{}),
		commands: commandsOf(cfg.Access),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.public = grpc.NewServer(append(s.options(), cfg.Options...)...)
	cachev1.RegisterCacheServiceServer(s.public, &cacheService{s: s})
	clusterv1.RegisterTopologyServiceServer(s.public, &topologyService{s: s})
	if cfg.Admin != nil {
		clusterv1.RegisterAdminServiceServer(s.public, &adminService{s: s})
	}
	healthpb.RegisterHealthServer(s.public, &healthService{s: s})
	reflection.Register(s.public)
	return s, nil
}

// Public is the gRPC server for users. Its Serve takes the listener; Stop ends it.
func (s *Server) Public() *grpc.Server { return s.public }

// Stop ends the server: streams that last are told so, calls in flight may finish until ctx ends, then they are cut. It
// returns when no handler runs. It may be called twice.
func (s *Server) Stop(ctx context.Context) {
	s.stop.Do(func() { close(s.stopping) })
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		s.public.GracefulStop()
	}()
	select {
	case <-graceful:
	case <-ctx.Done():
		s.log.Warn("cut gRPC calls that had not finished", "reason", ctx.Err())
		s.public.Stop()
		<-graceful
	}
}

// nowMs is the wall clock in milliseconds since the Unix epoch.
func (s *Server) nowMs() int64 {
	if s.cfg.Wall == nil {
		return time.Now().UnixMilli()
	}
	return s.cfg.Wall().UnixMilli()
}

func (s *Server) loading() bool { return s.cfg.Loading != nil && s.cfg.Loading() }

func (s *Server) defaults() Defaults {
	if s.cfg.Defaults == nil {
		return Defaults{}
	}
	return s.cfg.Defaults()
}
