package node

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// serveHTTP answers probes: /healthz while the process runs, /readyz once every slot of the cluster is served.
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
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
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
