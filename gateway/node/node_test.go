package node

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// clustersAtOnce is how many tests run at once: most of their time they wait for elections, which are slow here (openCluster).
const clustersAtOnce = "4"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", clustersAtOnce); err != nil {
		panic(err)
	}
	// memberlist ends a probe that was under way within one probe interval after its shutdown, and offers no way to wait.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"),
		goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).triggerFunc"))
}

const anyPort = "127.0.0.1:0"

var anyListen = meta.Addresses{RESP: anyPort, GRPC: anyPort, Cluster: anyPort, Gossip: anyPort, HTTP: anyPort}

func open(t *testing.T, cfg Config) *Node {
	t.Helper()
	if cfg.Listen == (meta.Addresses{}) {
		cfg.Listen = anyListen
	}
	cfg.Version = "test"
	cfg.Fatal = func(err error) { panic(err) }
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func closeNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close node %s: %v", n.ID()[:8], err)
	}
}

// closeNodes closes nodes all at once.
func closeNodes(t *testing.T, nodes []*Node) {
	t.Helper()
	var closing sync.WaitGroup
	for _, n := range nodes {
		closing.Go(func() { closeNode(t, n) })
	}
	closing.Wait()
}

// openCluster starts n nodes in this process and waits until all of them serve every slot.
func openCluster(t *testing.T, count int, change ...func(*Config)) []*Node {
	t.Helper()
	return openClusterBy(t, count, nil, change...)
}

// openClusterBy is openCluster for nodes that an operator needs more than an address for.
func openClusterBy(t *testing.T, count int, by []client.Option, change ...func(*Config)) []*Node {
	t.Helper()
	dir := t.TempDir()
	var nodes []*Node
	for i := range count {
		cfg := Config{Dir: filepath.Join(dir, fmt.Sprint(i))}
		if i > 0 {
			cfg.Join = []string{nodes[0].Addresses().Cluster}
		}
		for _, c := range change {
			c(&cfg)
		}
		nodes = append(nodes, open(t, cfg))
	}
	t.Cleanup(func() { closeNodes(t, nodes) })
	a := admin0(t, nodes[0], by...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// Three nodes share this process and, under the race detector, little time: so elections take their time as well.
	if _, err := a.InitCluster(ctx, uint32(count), &clusterv1.Settings{HeartbeatMs: 1000}); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		awaitReady(t, n)
		await(t, "node "+n.ID()[:8]+" knows every shard to be led by whom it shall be", func() bool { // none moves by itself any more
			return !slices.ContainsFunc(n.cluster.View().Shards, func(s router.Shard) bool { return s.Leader != s.Preferred })
		})
	}
	return nodes
}

func admin0(t *testing.T, n *Node, by ...client.Option) *client.Admin {
	t.Helper()
	a, err := client.DialAdmin(n.Addresses().GRPC, by...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func awaitReady(t *testing.T, n *Node) {
	t.Helper()
	await(t, "node "+n.ID()[:8]+" is ready", func() bool { return n.notReady() == "" })
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func clientOf(t *testing.T, nodes []*Node) *redis.ClusterClient {
	t.Helper()
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.Addresses().RESP)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { c.Close() })
	return c
}

// set writes a key. On a busy machine a commit may take longer than a client is let wait; setting a value twice is as good
// as once.
func set(t *testing.T, c *redis.ClusterClient, key string, value any) {
	t.Helper()
	await(t, "key "+key+" is set", func() bool {
		err := c.Set(t.Context(), key, value, 0).Err()
		if err != nil && !strings.HasPrefix(err.Error(), "UNKNOWN") {
			t.Fatal(err)
		}
		return err == nil
	})
}

func TestThreeNodesServeEverySlotAndKeepDataOverARestart(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := clientOf(t, nodes)
	for i := range 200 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	reply, err := http.Get("http://" + nodes[1].Addresses().HTTP + "/readyz")
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Errorf("readyz: %v, %v", reply, err)
	} else {
		reply.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()

	// One node goes and comes back on the same folder under other addresses; then it alone knows where the rest is.
	dir, others := nodes[2].cfg.Dir, []string{nodes[0].Addresses().Cluster, nodes[1].Addresses().Cluster}
	id := nodes[2].ID()
	closeNode(t, nodes[2])
	// go-redis looks at the slot map again after a redirection, not after a refused connection: so ask by a new client.
	c = clientOf(t, nodes[:2])
	for i := range 200 {
		if got, err := c.Get(t.Context(), fmt.Sprint("k", i)).Int(); err != nil || got != i {
			t.Fatalf("with one node down: k%d = %d, %v", i, got, err)
		}
	}
	nodes[2] = open(t, Config{Dir: dir, Join: others})
	if nodes[2].ID() != id {
		t.Errorf("the node came back as %s, was %s", nodes[2].ID(), id)
	}
	awaitReady(t, nodes[2])
	await(t, "leaderships return to the node that came back", func() bool { return len(nodes[0].cluster.View().Led(id)) > 0 })
	again := clientOf(t, nodes[2:])
	for i := range 200 {
		if got, err := again.Get(t.Context(), fmt.Sprint("k", i)).Int(); err != nil || got != i {
			t.Fatalf("after the restart: k%d = %d, %v", i, got, err)
		}
	}
}

func TestOneNodeIsAClusterToo(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	c := clientOf(t, nodes)
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTransferredLeadershipStaysWhereItWasSent(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	a := admin0(t, nodes[0])
	shards, err := a.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := shards.Shards[0].Shard
	to := s.Replicas[0].NodeId
	if to == s.LeaderNodeId {
		to = s.Replicas[1].NodeId
	}
	var reply *clusterv1.TransferLeadershipResponse
	await(t, "the transfer is taken", func() bool {
		reply, err = a.Transfer(t.Context(), s.Id, to)
		return err == nil
	})
	if reply.LeaderNodeId != to {
		t.Errorf("led by %s, want %s", reply.LeaderNodeId, to)
	}
	await(t, "the new leader is the preferred one", func() bool {
		shards, err := a.Shards(t.Context())
		return err == nil && shards.Shards[0].PreferredLeaderNodeId == to
	})
	if _, err := a.Transfer(t.Context(), 99, ""); err == nil || !strings.Contains(err.Error(), "no shard 99") {
		t.Errorf("transfer of a shard that is not there: %v", err)
	}
}

func TestNodeOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	one, other := openCluster(t, 1), openCluster(t, 1)
	dir := other[0].cfg.Dir
	closeNode(t, other[0])
	n := open(t, Config{Dir: dir, Join: []string{one[0].Addresses().Cluster}})
	if err := n.joinAt(t.Context(), one[0].Addresses().Cluster); err == nil || !strings.Contains(err.Error(), "belongs to cluster") {
		t.Errorf("join: %v", err)
	}
	if got := len(one[0].host.Load().State().Nodes()); got != 1 {
		t.Errorf("the cluster has %d nodes, want 1", got)
	}
}

func TestSecondInitIsRefused(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	if _, err := admin0(t, nodes[0]).InitCluster(t.Context(), 1, nil); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second init: %v", err)
	}
}

func TestEvenReplicasAreRefusedWithAdvice(t *testing.T) {
	n := open(t, Config{Dir: t.TempDir()})
	_, err := admin0(t, n).InitCluster(t.Context(), 3, &clusterv1.Settings{Replicas: 2})
	if err == nil || !strings.Contains(err.Error(), "use 1, 3 or 5") {
		t.Errorf("err %v", err)
	}
}

// Settings by name are those with which the cluster begins; one that is refused begins none.
func TestClusterBeginsWithTheSettingsThatAreNamed(t *testing.T) {
	n := open(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	a := admin0(t, n)
	for _, c := range []struct{ name, value, want string }{
		{"node-dead-after", "1ms", "node-dead-after"},
		{"migration-rate", "much", "memory value"},
		{"shards", "3", "a field of its own"},
		{"colour", "red", "no setting"},
	} {
		_, err := a.InitCluster(ctx, 1, nil, &clusterv1.NamedSetting{Name: "save", Value: ""}, &clusterv1.NamedSetting{Name: c.name, Value: c.value})
		if err == nil || !strings.Contains(err.Error(), c.want) || n.folder.ClusterID() != "" {
			t.Errorf("%s=%s: %v, want %q; the node belongs to %q", c.name, c.value, err, c.want, n.folder.ClusterID())
		}
	}
	named := []*clusterv1.NamedSetting{{Name: "migration-rate", Value: "32mb"}, {Name: "node-dead-after", Value: "10m"}, {Name: "save", Value: ""}, {Name: "default-ack", Value: "async"}}
	if _, err := a.InitCluster(ctx, 1, nil, named...); err != nil {
		t.Fatal(err)
	}
	got := n.host.Load().State().Settings()
	want := meta.DefaultSettings()
	want.ExpectNodes, want.MigrationRateBytes, want.NodeDeadAfter, want.Save, want.DefaultAck = 1, 32<<20, 10*time.Minute, "", meta.AckAsync
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStartErrorsSayWhatToDo(t *testing.T) {
	n := open(t, Config{Dir: t.TempDir()})
	busy := anyListen
	busy.RESP = n.Addresses().RESP
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"port in use":   {Config{Dir: t.TempDir(), Listen: busy}, "choose another address with --resp"},
		"folder in use": {Config{Dir: n.cfg.Dir, Listen: anyListen}, "in use by another process"},
		"no folder":     {Config{Dir: "/proc/holt", Listen: anyListen}, "choose another with --dir"},
		"all addresses": {Config{Dir: t.TempDir(), Listen: func() meta.Addresses { a := anyListen; a.RESP = "0.0.0.0:0"; return a }()}, "--advertise"},
	} {
		c.cfg.Fatal = func(err error) { panic(err) }
		if n, err := Open(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: err %v, want %q in it", name, err, c.want)
			if err == nil {
				closeNode(t, n)
			}
		}
	}
}

func TestNewConnectionsBeginWithTheClustersDefaults(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	c := clientOf(t, nodes)
	if err := c.ConfigSet(t.Context(), "default-ack", "async").Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "the setting is known here", func() bool { ack := nodes[0].defaults().Ack; return ack == router.AckAsync })
	if err := c.ConfigSet(t.Context(), "lease", "100").Err(); err == nil {
		t.Error("CONFIG SET took a setting that would have no effect")
	}
	if err := clientOf(t, nodes).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
}
