package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// collector turns facts into samples at each scrape.
type collector struct {
	facts func() Facts
}

var _ prometheus.Collector = collector{}

// Describe sends no descriptions: which shards and commands there are shows at the scrape.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the samples of this moment.
func (c collector) Collect(out chan<- prometheus.Metric) {
	f := c.facts()
	s := sink{out}
	s.gauge("holt_build_info", "What runs here; always 1.", 1, label{"version", f.Version}, label{"node", f.Node})
	s.gauge("holt_ready", "1 if clients may be sent here (/readyz), else 0.", truth(f.Ready))
	s.gauge("holt_loading", "1 while the node loads its data, else 0.", truth(f.Loading))
	s.gauge("holt_slot_map_epoch", "Epoch of the slot map that this node goes by; 0 while it belongs to no cluster.", float64(f.Epoch))
	s.gauge("holt_migrations", "Migrations of slots in the cluster that have not ended.", float64(f.Migrations))
	for state, n := range f.Nodes {
		s.gauge("holt_nodes", "Nodes of the cluster, by what gossip believes of them.", float64(n), label{"state", state})
	}
	s.gauge("holt_memory_used_bytes", "What keys and values take on this node with their tables, all replicas together.", float64(f.MemoryUsed))
	s.gauge("holt_memory_limit_bytes", "maxmemory of this node; 0 is no limit.", float64(f.MemoryLimit))
	s.counter("holt_keyspace_hits_total", "Keys that reads have looked for and found.", f.Hits)
	s.counter("holt_keyspace_misses_total", "Keys that reads have looked for in vain.", f.Misses)
	s.resp(f)
	for _, shard := range f.Shards {
		s.shard(shard)
	}
	s.wire(f)
	s.log(f)
}

type label struct{ name, value string }

// sink makes samples whose help is beside their use.
type sink struct{ out chan<- prometheus.Metric }

func (s sink) counter(name, help string, value uint64, labels ...label) {
	s.send(prometheus.CounterValue, name, help, float64(value), labels)
}

func (s sink) gauge(name, help string, value float64, labels ...label) {
	s.send(prometheus.GaugeValue, name, help, value, labels)
}

func (s sink) send(kind prometheus.ValueType, name, help string, value float64, labels []label) {
	desc, values := describe(name, help, labels)
	s.out <- prometheus.MustNewConstMetric(desc, kind, value, values...)
}

func describe(name, help string, labels []label) (desc *prometheus.Desc, values []string) {
	names := make([]string, len(labels))
	values = make([]string, len(labels))
	for i, l := range labels {
		names[i], values[i] = l.name, l.value
	}
	return prometheus.NewDesc(name, help, names, nil), values
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func shardLabel(id uint64) label { return label{"shard", strconv.FormatUint(id, 10)} }
