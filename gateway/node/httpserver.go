package node

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/holtcache/holt/gateway/metrics"
)

// httpServer answers people by the dashboard, probes and scrapes: /healthz while the process runs, /readyz once every slot of the cluster is served, /metrics, and
// where it is asked for /debug/pprof.
func (n *Node) httpServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reason := n.notReady(); reason != "" {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", metrics.Handler(n.metricsFacts))
	mux.Handle("/", n.dashboard())
	if n.cfg.Profile {
		for path, handler := range map[string]http.HandlerFunc{
			"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
			"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
		} {
			mux.HandleFunc("GET "+path, n.guarded(longer(handler)))
		}
	}
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
}

// profileMax is how long an answer of pprof may take: it is as long as what it looks at.
const profileMax = 5 * time.Minute

// longer gives an answer more time than the server's others have.
func longer(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(profileMax)) // where it is refused, the short time holds
		answer(w, r)
	}
}

// notReady says why clients should not be sent here yet, "" if they should.
func (n *Node) notReady() string {
	switch view := n.cluster.View(); {
	case n.load.active.Load():
		s := n.folder.Loading().Stats()
		return fmt.Sprintf("this node is loading its data: %.1f%% of %d bytes", s.Percent(), s.TotalBytes)
	case n.host.Load() == nil:
		return "this node belongs to no cluster yet"
	case n.host.Load().Removed():
		return "this node was removed from the cluster: stop it; on an empty data folder it joins as a new node"
	case !view.Map.Complete():
		return "not every slot belongs to a shard yet"
	case !view.Served():
		return "not every shard has a leader"
	}
	return ""
}

func serveHTTP(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
