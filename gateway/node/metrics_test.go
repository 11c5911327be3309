package node

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// page gets a page of a node's HTTP port.
func page(t *testing.T, n *Node, path string) (status int, text string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Get("http://" + n.Addresses().HTTP + path)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

func TestMetricsTellOfTheShardsAndOfClients(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	set(t, clientOf(t, nodes), "k", 1)
	status, text := page(t, nodes[0], "/metrics")
	for _, want := range []string{
		`holt_shard_leader{shard="1"} 1`, `holt_shard_keys{shard="1"} 1`, `holt_commands_total{command="set"} 1`, `holt_nodes{state="alive"} 1`,
		"holt_ready 1", "holt_log_syncs_total ", "holt_transport_sent_bytes_total 0", "holt_memory_used_bytes ",
	} {
		if status != http.StatusOK || !strings.Contains(text, "\n"+want) {
			t.Errorf("status %d, without %q", status, want)
		}
	}
	// Profiles show what is in memory: nobody gets them unasked.
	if status, _ := page(t, nodes[0], "/debug/pprof/heap"); status != http.StatusNotFound {
		t.Errorf("a profile without --pprof: status %d", status)
	}
}
