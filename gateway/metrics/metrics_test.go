package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func someFacts() Facts {
	f := Facts{
		Version: "v1", Node: "n1", Ready: true, Hits: 7, Misses: 2, MemoryUsed: 1 << 20, MemoryLimit: 2 << 20, Epoch: 9, Migrations: 1,
		Nodes: map[string]int{"alive": 3, "dead": 1}, Transport: &transport.Stats{BytesSent: 5}, Log: &logstore.WALStats{Syncs: 6},
		RESP: respserver.Stats{
			Connections: 4, Commands: map[string]uint64{"get": 10, "client|list": 1}, Ended: map[string]respserver.CommandStats{"get": {Failed: 1, Rejected: 5}},
			Errors: map[string]uint64{"MOVED": 3},
		},
		Shards: []Shard{
			{ID: 1, Leads: true, Serving: true, Term: 3, Keys: 5, Executor: executor.Stats{Evaluated: 11}, LastSnapshot: time.UnixMilli(1500), SnapshotTook: time.Second / 4},
			{ID: 2, Term: 4},
		},
	}
	get := f.RESP.Ended["get"]
	get.Took.Counts[0] = 2
	for step := range get.Took.Counts {
		if respserver.LatencyBound(step) == 32*time.Microsecond {
			get.Took.Counts[step] = 1
			get.Took.Counts[step+1] = 1
			break
		}
	}
	get.Took.Counts[len(get.Took.Counts)-1] = 1
	get.Took.Total = 10 * time.Second
	f.RESP.Ended["get"] = get
	return f
}

func TestScrapeShowsWhatTheNodeCounts(t *testing.T) {
	reply := httptest.NewRecorder()
	Handler(someFacts).ServeHTTP(reply, httptest.NewRequest("GET", "/metrics", nil))
	page := reply.Body.String()
	if reply.Code != 200 {
		t.Fatalf("%d: %s", reply.Code, page)
	}
	for _, want := range []string{
		`holt_build_info{node="n1",version="v1"} 1`, "holt_ready 1", "holt_loading 0", "holt_slot_map_epoch 9", `holt_nodes{state="dead"} 1`,
		"holt_keyspace_hits_total 7", "holt_memory_limit_bytes 2.097152e+06", `holt_commands_total{command="client|list"} 1`,
		`holt_commands_failed_total{command="get"} 1`, `holt_error_replies_total{error="MOVED"} 3`,
		`holt_command_duration_seconds_bucket{command="get",le="1.6e-05"} 2`, `holt_command_duration_seconds_bucket{command="get",le="3.2e-05"} 3`,
		`holt_command_duration_seconds_bucket{command="get",le="6.4e-05"} 4`, `holt_command_duration_seconds_bucket{command="get",le="2.097152"} 4`,
		`holt_command_duration_seconds_bucket{command="get",le="+Inf"} 5`, `holt_command_duration_seconds_sum{command="get"} 10`,
		`holt_commands_rejected_total{command="get"} 5`,
		`holt_shard_leader{shard="1"} 1`, `holt_shard_leader{shard="2"} 0`, `holt_shard_evaluated_total{shard="1"} 11`,
		`holt_shard_last_snapshot_timestamp_seconds{shard="1"} 1.5`, `holt_shard_last_snapshot_duration_seconds{shard="1"} 0.25`,
		"holt_transport_sent_bytes_total 5", "holt_log_syncs_total 6", "go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, `holt_shard_last_snapshot_timestamp_seconds{shard="2"}`) {
		t.Error("a snapshot is shown that was never taken")
	}
}

// A node that belongs to no cluster is scraped, too.
func TestScrapeOfANodeWithoutACluster(t *testing.T) {
	problems, err := testutil.CollectAndLint(collector{func() Facts { return Facts{} }})
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestNamesAndUnitsAreThoseOfPrometheus(t *testing.T) {
	problems, err := testutil.CollectAndLint(collector{someFacts})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	// The linter has to see what it judges.
	bad := prometheus.NewRegistry()
	bad.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "holt_things_milliseconds"}, func() float64 { return 1 }))
	families, err := bad.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if found, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(found) == 0 {
		t.Errorf("the linter finds nothing: %v", err)
	}
}
