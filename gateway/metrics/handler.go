package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapesMax bounds scrapes at the same time: each looks at every shard.
const scrapesMax = 4

// Handler answers scrapes with what facts says then, and with what the Go runtime and the kernel say of the process. facts is
// called by several goroutines.
func Handler(facts func() Facts) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{facts})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax, Registry: registry})
}
