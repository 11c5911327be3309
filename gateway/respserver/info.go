package respserver

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// infoText is text as INFO writes it: field:value, CRLF.
type infoText struct{ strings.Builder }

func (t *infoText) add(field string, value any) { fmt.Fprintf(t, "%s:%v\r\n", field, value) }

func (t *infoText) flag(field string, value bool) {
	n := 0
	if value {
		n = 1
	}
	t.add(field, n)
}

// infoSection writes one section.
type infoSection struct {
	name string
	// onDemand: only when it is asked for by name, or by all or everything.
	onDemand bool
	write    func(c *conn, f *InfoFacts, t *infoText)
}

var infoSections = []infoSection{
	{name: "Server", write: infoServer},
	{name: "Clients", write: infoClients},
	{name: "Memory", write: infoMemory},
	{name: "Persistence", write: infoPersistence},
	{name: "Stats", write: infoStats},
	{name: "Replication", write: infoReplication},
	{name: "CPU", write: infoCPU},
	{name: "Modules", write: func(*conn, *InfoFacts, *infoText) {}}, // there are none
	{name: "Commandstats", onDemand: true, write: infoCommandStats},
	{name: "Errorstats", write: infoErrorStats},
	{name: "Latencystats", onDemand: true, write: infoLatencyStats},
	{name: "Cluster", write: infoCluster},
	{name: "Keyspace", write: infoKeyspace},
}

// info is INFO [section ...] (redis.io/commands/info).
func (c *conn) info(args [][]byte) resp.Value {
	wanted := map[string]bool{}
	for _, arg := range args[1:] {
		wanted[strings.ToLower(clip(arg))] = true
	}
	all := wanted["all"] || wanted["everything"]
	byDefault := len(args) == 1 || wanted["default"]
	facts := c.server.facts()
	var text infoText
	for _, section := range infoSections {
		if !all && !(byDefault && !section.onDemand) && !wanted[strings.ToLower(section.name)] {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("# " + section.name + "\r\n")
		section.write(c, &facts, &text)
	}
	return resp.Verbatim("txt", text.String())
}

func infoServer(c *conn, f *InfoFacts, t *infoText) {
	started := f.Started
	if started.IsZero() {
		started = c.server.started
	}
	up := time.Since(started)
	t.add("redis_version", redisVersion)
	t.add("holt_version", f.Version)
	t.add("redis_mode", c.mode())
	t.add("os", runtime.GOOS+" "+runtime.GOARCH)
	t.add("arch_bits", 32<<(^uint(0)>>63))
	t.add("go_version", runtime.Version())
	t.add("process_id", os.Getpid())
	t.add("run_id", f.Node)
	t.add("tcp_port", f.Port)
	t.add("server_time_usec", time.Now().UnixMicro())
	t.add("uptime_in_seconds", int64(up/time.Second))
	t.add("uptime_in_days", int64(up/(24*time.Hour)))
	t.add("lru_clock", time.Now().Unix()&(1<<24-1))
	if executable, err := os.Executable(); err == nil {
		t.add("executable", executable)
	}
	t.add("config_file", f.ConfigFile)
}

func infoClients(c *conn, _ *InfoFacts, t *infoText) {
	clients := c.server.clients()
	waiting := 0
	for _, other := range clients {
		if other.waiting.Load() {
			waiting++
		}
	}
	t.add("connected_clients", len(clients))
	t.add("maxclients", c.server.limits.ClientsMax)
	t.add("blocked_clients", waiting)
	t.add("tracking_clients", c.server.tracking.active.Load())
}

func infoStats(c *conn, f *InfoFacts, t *infoText) {
	st := c.server.Stats()
	commands := uint64(0)
	for _, n := range st.Commands {
		commands += n
	}
	errors := uint64(0)
	for _, n := range st.Errors {
		errors += n
	}
	t.add("total_connections_received", st.Accepted)
	t.add("rejected_connections", st.Refused)
	t.add("total_commands_processed", commands)
	t.add("instantaneous_ops_per_sec", c.server.stats.rate.last(time.Now()))
	t.add("total_net_input_bytes", c.server.stats.received.Load())
	t.add("total_net_output_bytes", c.server.stats.sent.Load())
	t.add("total_error_replies", errors)
	lookups := c.server.stats.lookups.sum()
	lookups.Add(f.Lookups)
	base := c.server.stats.base.Load()
	t.add("expired_keys", f.Expired-base.Expired)
	t.add("evicted_keys", f.Evicted-base.Evicted)
	t.add("keyspace_hits", lookups.Hits-base.Lookups.Hits)
	t.add("keyspace_misses", lookups.Misses-base.Lookups.Misses)
	t.add("tracking_total_keys", c.server.tracking.keys())
	t.add("protocol_errors", st.ProtocolErrors)
	t.add("auth_failures", st.AuthFailures)
}

// infoReplication says master whatever the node leads: that is how clients are shown every node. Offsets are log
// indexes.
func infoReplication(_ *conn, f *InfoFacts, t *infoText) {
	replicas, offset := 0, uint64(0)
	for _, s := range f.Shards {
		replicas = max(replicas, s.Replicas)
		offset = max(offset, s.Applied)
	}
	t.add("role", "master")
	t.add("connected_slaves", replicas)
	t.add("master_replid", f.Node)
	t.add("master_repl_offset", offset)
	for _, s := range f.Shards {
		role := "follower"
		if s.Leads {
			role = "leader"
		}
		t.add(fmt.Sprintf("shard%d", s.Shard), fmt.Sprintf("role=%s,term=%d,applied=%d", role, s.Term, s.Applied))
	}
}

func infoCPU(_ *conn, f *InfoFacts, t *infoText) {
	t.add("used_cpu_sys", fmt.Sprintf("%.6f", f.CPUSystem.Seconds()))
	t.add("used_cpu_user", fmt.Sprintf("%.6f", f.CPUUser.Seconds()))
}

func infoCommandStats(c *conn, _ *InfoFacts, t *infoText) {
	ended := c.server.Stats().Ended
	for _, name := range slices.Sorted(maps.Keys(ended)) {
		st := ended[name]
		calls, took := st.Took.Count(), st.Took.Total.Microseconds()
		t.add("cmdstat_"+name, fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			calls, took, float64(took)/float64(max(calls, 1)), st.Rejected, st.Failed))
	}
}

// latencyQuantiles are the shares of commands that INFO tells the time of.
var latencyQuantiles = []struct {
	name  string
	share float64
}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}}

func infoLatencyStats(c *conn, _ *InfoFacts, t *infoText) {
	for _, r := range c.server.calledRows() {
		took, _ := r.ended.sum()
		var fields []string
		for _, q := range latencyQuantiles {
			fields = append(fields, fmt.Sprintf("%s=%.3f", q.name, float64(took.Quantile(q.share))/float64(time.Microsecond)))
		}
		t.add("latency_percentiles_usec_"+r.spec.Name, strings.Join(fields, ","))
	}
}

func infoErrorStats(c *conn, _ *InfoFacts, t *infoText) {
	errors := c.server.Stats().Errors
	for _, prefix := range slices.Sorted(maps.Keys(errors)) {
		t.add("errorstat_"+prefix, fmt.Sprintf("count=%d", errors[prefix]))
	}
}

func infoCluster(c *conn, _ *InfoFacts, t *infoText) {
	if c.proxied {
		t.add("cluster_enabled", 0)
	} else {
		t.add("cluster_enabled", 1)
	}
}

func infoKeyspace(c *conn, f *InfoFacts, t *infoText) {
	if keys := c.server.keysLed(); keys > 0 {
		t.add("db0", fmt.Sprintf("keys=%d,expires=%d,avg_ttl=0", keys, f.Expires))
	}
}
