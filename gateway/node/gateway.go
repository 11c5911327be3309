package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/gateway/socket"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// GatewayConfig is what a gateway is started with. Addresses are host:port.
type GatewayConfig struct {
	// Listen is where the gateway listens: RESP, gRPC, HTTP.
	Listen meta.Addresses
	// Join are gRPC addresses of nodes of the cluster.
	Join []string
	// Password is asked for by RESP, and given to the nodes; empty means that none is.
	Password string
	Limits   ops.Limits
	// ClientsMax bounds the RESP connections; 0 means the default.
	ClientsMax int
	// Version is that of the program.
	Version string
	Logger  *slog.Logger
}

// Gateway serves clients of a cluster that it is no node of, and keeps nothing.
type Gateway struct {
	cfg     GatewayConfig
	log     *slog.Logger
	started time.Time
	listen  listeners
	cluster *elsewhere
	maps    *client.Client
	pool    *proxy.Pool
	nodes   *nodes
	resp    *respserver.Server
	grpc    *grpcserver.Server
	http    *http.Server
	wg      sync.WaitGroup
}

// firstMapMax is how long a gateway waits at its start for a node that tells the slot map.
const firstMapMax = 30 * time.Second

// OpenGateway starts a gateway. It returns once a node has told the slot map.
func OpenGateway(ctx context.Context, cfg GatewayConfig) (*Gateway, error) {
	g := &Gateway{cfg: cfg, log: cfg.Logger, started: time.Now(), cluster: newElsewhere(), nodes: newNodes(dial)}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	if err := g.openListeners(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, firstMapMax)
	defer cancel()
	var err error
	g.maps, err = client.Dial(ctx, client.Config{
		Addrs: cfg.Join, RetryMax: firstMapMax, SlotMap: g.cluster.told,
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(dial)},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--join: %w; name gRPC addresses of nodes", err), g.listen.close())
	}
	if err := g.assemble(); err != nil {
		return nil, errors.Join(err, g.maps.Close(), g.listen.close())
	}
	g.serve()
	return g, nil
}

func (g *Gateway) openListeners() error {
	for _, one := range []struct {
		what, flag, listen string
		listener           *net.Listener
		addr               *string
	}{
		{"RESP", "--resp", g.cfg.Listen.RESP, &g.listen.resp, &g.listen.addrs.RESP},
		{"gRPC", "--grpc", g.cfg.Listen.GRPC, &g.listen.grpc, &g.listen.addrs.GRPC},
		{"HTTP", "--http", g.cfg.Listen.HTTP, &g.listen.http, &g.listen.addrs.HTTP},
	} {
		l, err := net.Listen("tcp", one.listen)
		if err != nil {
			return errors.Join(explainListen(one.what, one.flag, one.listen, err), g.listen.close())
		}
		*one.listener, *one.addr = socket.Listen(l), l.Addr().String()
	}
	return nil
}

// assemble makes the servers: those of a node, over a cluster in which every replica is elsewhere.
func (g *Gateway) assemble() error {
	routes := router.New(g.cluster)
	g.pool = proxy.NewPool(proxy.Config{Dial: dial, Password: g.cfg.Password, Doubted: g.maps.Doubt})
	g.resp = respserver.New(respserver.Config{
		Router: routes, Table: command.NewTable(g.cfg.Limits), Protocol: resp.LimitsForValues(g.cfg.Limits.ValueBytesMax), Proxy: g.pool,
		Limits: respserver.Limits{ClientsMax: g.cfg.ClientsMax}, Password: g.cfg.Password, Info: g.info, Logger: g.log,
	})
	var err error
	g.grpc, err = grpcserver.New(grpcserver.Config{Router: routes, Forward: passOn{g.nodes}, Limits: grpcserver.Limits{Data: g.cfg.Limits}, Logger: g.log})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !g.cluster.View().Served() {
			http.Error(w, "not every slot is served", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	g.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	return nil
}

func (g *Gateway) serve() {
	for what, run := range map[string]func() error{
		"RESP": func() error { return g.resp.Serve(g.listen.resp) },
		"gRPC": func() error { return g.grpc.Public().Serve(g.listen.grpc) },
		"HTTP": func() error { return serveHTTP(g.http, g.listen.http) },
	} {
		g.wg.Go(func() {
			if err := run(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, respserver.ErrClosed) && !errors.Is(err, grpc.ErrServerStopped) {
				g.log.Error("a listener stopped; restart this gateway", "listener", what, "err", err)
			}
		})
	}
}

// info is what a gateway can tell: of itself.
func (g *Gateway) info() respserver.InfoFacts {
	facts := respserver.InfoFacts{Version: g.cfg.Version, Started: g.started}
	if addr, ok := g.listen.resp.Addr().(*net.TCPAddr); ok {
		facts.Port = addr.Port
	}
	return facts
}

// Addresses are where the gateway listens.
func (g *Gateway) Addresses() meta.Addresses { return g.listen.addrs }

// Close lets what is in flight be answered and stops; ctx bounds that for gRPC.
func (g *Gateway) Close(ctx context.Context) error {
	errs := []error{g.resp.Close()}
	g.grpc.Stop(ctx)
	errs = append(errs, g.http.Close())
	g.pool.Close()
	errs = append(errs, g.maps.Close(), g.nodes.close(), g.listen.close())
	g.wg.Wait()
	return errors.Join(errs...)
}

// passOn forwards calls as a client of the leader.
type passOn struct{ nodes *nodes }

var _ grpcserver.Forwarder = passOn{}

func (p passOn) Forward(ctx context.Context, leader router.Node, request *nodev1.ForwardRequest) (*nodev1.ForwardResponse, error) {
	conn, err := p.nodes.conn(leader.GRPC)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", grpcserver.ErrNotSent, err)
	}
	return grpcserver.PassOn(ctx, conn, request)
}
