package respserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/router"
)

func TestEveryNodeIsShownAsAMasterOfWhatItLeads(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	c := f.dial()
	host, port, _ := strings.Cut(f.addr, ":")
	c.want(
		"CLUSTER SLOTS", fmt.Sprintf("[[:0 :8191 [%s :%s %s []]] [:8192 :16383 [127.0.0.1 :1 %s []]]]", host, port, selfID, otherID),
		"CLUSTER NODES", fmt.Sprintf("%s %s@16381 myself,master - 0 0 1 connected 0-8191\n%s 127.0.0.1:1@16382 master - 0 0 1 connected 8192-16383\n", selfID, f.addr, otherID),
		"CLUSTER MYID", selfID, "CLUSTER KEYSLOT foo", ":12182", "CLUSTER LINKS", "[]", "CLUSTER REPLICAS "+otherID, "[]",
		"CLUSTER REPLICAS nosuch", "-ERR Unknown node nosuch", "CLUSTER COUNTKEYSINSLOT 0", ":0", "CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot",
	)
	info := c.do("CLUSTER INFO")
	for _, line := range []string{"cluster_state:ok", "cluster_slots_assigned:16384", "cluster_slots_ok:16384", "cluster_known_nodes:2", "cluster_size:2"} {
		if !strings.Contains(info, line+"\r\n") {
			t.Errorf("CLUSTER INFO lacks %q: %q", line, info)
		}
	}
	f.cluster.change(func(v *router.View) { v.Nodes[1].State = router.NodeDead })
	if got := c.do("CLUSTER NODES"); !strings.Contains(got, " master,fail - 0 0 1 disconnected 8192-16383\n") {
		t.Errorf("CLUSTER NODES with a dead node: %q", got)
	}
}

// rueidis forgets the first of two entries with one master.
func TestShardsHasOneEntryForANodeThatLeadsSeveral(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 2})
	f.cluster.change(func(v *router.View) {
		v.Shards[2].Leader = selfID
		v.Shards[0].Leader = selfID
		v.Shards[1].Leader = otherID
	})
	got := f.dial().do("CLUSTER SHARDS")
	if strings.Count(got, "slots [") != 2 || !strings.Contains(got, "slots [:0 :5460 :10922 :16383]") {
		t.Fatalf("got %q", got)
	}
}

func TestSlotsAreCoveredDuringAnElection(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	c := f.dial()
	before := c.do("CLUSTER SLOTS")
	f.cluster.change(func(v *router.View) { v.Shards[1].Leader = "" })
	if got := c.do("CLUSTER SLOTS"); got != before {
		t.Errorf("got %q, want %q as before", got, before)
	}
	if got := c.do("CLUSTER INFO"); !strings.Contains(got, "cluster_state:fail\r\n") || !strings.Contains(got, "cluster_slots_ok:8192\r\n") {
		t.Errorf("CLUSTER INFO: %q", got)
	}
}

func TestNoAddressIsOneThatClientsCannotUse(t *testing.T) {
	for _, tc := range []struct {
		node router.Node
		want string
	}{
		{router.Node{RESP: "10.0.0.7:6379"}, "10.0.0.7:6379"},
		{router.Node{RESP: "node-1.example:6379"}, "node-1.example:6379"},
		{router.Node{RESP: "0.0.0.0:6379", Cluster: "10.0.0.8:6381"}, "10.0.0.8:6379"},
		{router.Node{RESP: ":6379", Cluster: "[::]:6381"}, "192.0.2.1:6379"},
		{router.Node{RESP: "[::1]:6379"}, "[::1]:6379"},
	} {
		if got := endpointOf(&tc.node, "192.0.2.1:5").String(); got != tc.want {
			t.Errorf("%+v: got %s, want %s", tc.node, got, tc.want)
		}
	}
}

func TestKeysAreCountedAndFlushedWhereTheyAreLed(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := f.dial()
	c.want("SET "+keyIn(f, 0)+" 1", "+OK", "SET "+keyIn(f, 1)+" 1", "+OK", "DBSIZE", ":2", "FLUSHALL NOW", "-ERR syntax error",
		"FLUSHALL ASYNC", "+OK", "DBSIZE", ":0", "SET "+keyIn(f, 0)+" 1", "+OK", "FLUSHDB", "+OK", "GET "+keyIn(f, 0), "(nil)")
}
