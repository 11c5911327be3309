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

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/certs"
	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/grpcserver"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/gateway/socket"
	"github.com/holtcache/holt/raftfsm/meta"
)

// GatewayConfig is what a gateway is started with. Addresses are host:port.
type GatewayConfig struct {
	// Listen is where the gateway listens: RESP, gRPC, HTTP.
	Listen meta.Addresses
	// Join are gRPC addresses of nodes of the cluster.
	Join []string
	// User is who the gateway is where it asks nodes for the slot map and the users, with Password; empty means that it does not say.
	// Its clients are to the nodes who they are to the gateway.
	User, Password string
	// TLS says which ports speak TLS; what it says of the cluster port means nothing here.
	TLS TLS
	// Nodes says how nodes are reached.
	Nodes NodesTLS
	// Unprotected lets clients from elsewhere in though the default user needs no password.
	Unprotected bool
	Limits      ops.Limits
	// ClientsMax bounds the RESP connections; 0 means the default.
	ClientsMax int
	// ClientsBytesMax bounds what those connections hold together; 0 means the default.
	ClientsBytesMax int
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
	seam    *seam
	access  *acl.Registry
	// knownUsers are those that access has, as text, and usersEpoch is when they were changed last. Of one goroutine at a time.
	knownUsers string
	usersEpoch uint64
	cancel     context.CancelFunc // ends what asks for the users
	wg         sync.WaitGroup
}

// firstMapMax is how long a gateway waits at its start for a node that tells the slot map.
const firstMapMax = 30 * time.Second

// OpenGateway starts a gateway. It returns once a node has told the slot map.
func OpenGateway(ctx context.Context, cfg GatewayConfig) (*Gateway, error) {
	g := &Gateway{cfg: cfg, log: cfg.Logger, started: time.Now(), cluster: newElsewhere()}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.cfg.TLS.Cluster = certs.Files{}
	var err error
	if g.seam, err = newSeam(g.cfg.TLS, g.log); err != nil {
		return nil, err
	}
	up, err := newUpstream(cfg.Nodes, g.log)
	if err != nil {
		return nil, err
	}
	g.nodes = newNodes(up.dialGRPC)
	if err := g.openListeners(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, firstMapMax)
	defer cancel()
	g.maps, err = client.Dial(ctx, client.Config{
		Addrs: cfg.Join, RetryMax: firstMapMax, SlotMap: g.cluster.told,
		Access: cfg.access(), DialOptions: []grpc.DialOption{grpc.WithContextDialer(up.dialGRPC)},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--join: %w; name gRPC addresses of nodes", err), g.listen.close())
	}
	table := command.NewTable(cfg.Limits)
	g.access = acl.NewRegistry(table, "", g.log)
	g.access.LetNobodyIn()
	if err := g.firstUsers(ctx); err != nil {
		return nil, errors.Join(err, g.maps.Close(), g.listen.close())
	}
	if err := g.assemble(table, up); err != nil {
		return nil, errors.Join(err, g.maps.Close(), g.listen.close())
	}
	g.serve()
	return g, nil
}

func (g *Gateway) openListeners() error {
	for _, one := range []struct {
		what, flag, listen string
		ask                certs.ClientCerts
		protocols          []string
		listener           *net.Listener
		addr               *string
	}{
		{"RESP", "--resp", g.cfg.Listen.RESP, g.cfg.TLS.AuthClients, nil, &g.listen.resp, &g.listen.addrs.RESP},
		{"gRPC", "--grpc", g.cfg.Listen.GRPC, g.cfg.TLS.AuthClients, []string{"h2"}, &g.listen.grpc, &g.listen.addrs.GRPC},
		{"HTTP", "--http", g.cfg.Listen.HTTP, certs.ClientCertsNone, []string{"http/1.1"}, &g.listen.http, &g.listen.addrs.HTTP},
	} {
		l, err := net.Listen("tcp", one.listen)
		if err != nil {
			return errors.Join(explainListen(one.what, one.flag, one.listen, err), g.listen.close())
		}
		*one.listener, *one.addr = g.seam.forClients(socket.Listen(l), one.ask, one.protocols...), l.Addr().String()
	}
	return nil
}

// assemble makes the servers: those of a node, over a cluster in which every replica is elsewhere.
func (g *Gateway) assemble(table *command.Table, up upstream) error {
	routes := router.New(g.cluster)
	g.pool = proxy.NewPool(proxy.Config{Dial: up.dialRESP, Doubted: g.maps.Doubt})
	g.resp = respserver.New(respserver.Config{
		Router: routes, Table: table, Protocol: resp.LimitsForValues(g.cfg.Limits.ValueBytesMax), Proxy: g.pool,
		Limits: respserver.Limits{ClientsMax: g.cfg.ClientsMax, ClientsBytesMax: g.cfg.ClientsBytesMax}, Access: g.access, Protected: g.isProtected,
		Info: g.info, Logger: g.log,
	})
	var err error
	g.grpc, err = grpcserver.New(grpcserver.Config{
		Router: routes, Forward: passOn{g.nodes}, Access: g.access, Protected: g.isProtected, Limits: grpcserver.Limits{Data: g.cfg.Limits}, Logger: g.log,
	})
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
	var ctx context.Context
	ctx, g.cancel = context.WithCancel(context.Background())
	g.wg.Go(func() { g.followUsers(ctx) })
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
	g.cancel()
	errs := []error{g.resp.Close()}
	g.grpc.Stop(ctx)
	errs = append(errs, g.http.Close())
	g.pool.Close()
	errs = append(errs, g.maps.Close(), g.nodes.close(), g.listen.close())
	g.wg.Wait()
	return errors.Join(errs...)
}
