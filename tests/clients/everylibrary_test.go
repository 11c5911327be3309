package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/tests/cluster"
)

// Libraries in three languages use a cluster with TLS and users, while its leaders are killed one after the other. They have their
// defaults, and are told what they would have to be told for Redis: an address, whom to trust, a name, a password.
func TestEveryLibraryGoesThroughTheSameSteps(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Secure: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.Deadline)
	defer cancel()
	programs, missing := startAll(ctx, t, c)
	awaitAll(ctx, t, programs, "ok writing")
	for _, shard := range c.ShardIDs() {
		killLeader(ctx, t, c, shard, programs)
	}
	judge := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP(), Password: c.Secure.Password, TLSConfig: c.Secure.TLS})
	defer judge.Close()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			shards, err := p.stop()
			if err != nil || len(shards) != len(c.ShardIDs()) {
				t.Fatalf("wrote at %d shards, %v; it said %q", len(shards), err, p.said)
			}
			want := slices.Concat(theSteps, further[p.name])
			if left := p.missing(want...); len(left) > 0 {
				t.Errorf("steps left out: %q", left)
			}
			for _, w := range shards {
				checkWrote(ctx, t, judge, w)
			}
		})
	}
	for name, what := range missing {
		t.Run(name, func(t *testing.T) { t.Skip(what) })
	}
}

// further are steps of some libraries: the others have nothing for them, or want to be told.
var further = map[string][]string{
	"go-redis": {"shard channels"}, "rueidis": {"caching", "shard channels"}, "node-redis": {"shard channels"},
}

// startAll starts the programs of all libraries that are here, side by side, and says what the others miss.
func startAll(ctx context.Context, t *testing.T, c *cluster.Cluster) (programs []*program, missing map[string]string) {
	t.Helper()
	const user, password = "app", "app's word"
	rules := []string{"on", ">" + password, "~app:*", "&app:*", "+@all", "-@admin", "-flushall"}
	for _, name := range []string{"go-redis", "rueidis", "redis-py", "ioredis", "node-redis"} {
		rules = append(rules, "&app:"+name+":n?ws") // who listens to a pattern has to have just that
	}
	if _, err := c.Nodes[0].Admin().SetUser(ctx, user, rules...); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		awaitUser(ctx, t, n, c.Secure.TLS, user, password)
	}
	host, port, err := net.SplitHostPort(c.Nodes[0].Addr.RESP)
	if err != nil {
		t.Fatal(err)
	}
	at, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	to := func(name string) target {
		prefix := "app:" + name + ":"
		to := target{Host: host, Port: at, CA: c.Secure.CA, User: user, Password: password, Prefix: prefix}
		for _, shard := range c.ShardIDs() {
			key := c.Keys(shard)
			to.Shards = append(to.Shards, shardTarget{Counter: key(prefix+"counter", 0), Fields: key(prefix+"fields", 0)})
		}
		return to
	}
	missing = map[string]string{}
	programs = append(programs, startGo(t, "go-redis", to("go-redis"), runGoRedis), startGo(t, "rueidis", to("rueidis"), runRueidis))
	if python := pythonWithRedis(t); python != "" {
		programs = append(programs, start(t, "redis-py", to("redis-py"), python, "-B", filepath.Join("python", "redispy.py")))
	} else {
		missing["redis-py"] = "no Python with redis-py here: install python3-redis to have this test run"
	}
	for _, js := range []struct{ name, file string }{{"ioredis", "ioredis.mjs"}, {"node-redis", "noderedis.mjs"}} {
		if without := nodeMissing(t.Context()); without != "" {
			missing[js.name] = without
			continue
		}
		programs = append(programs, start(t, js.name, to(js.name), "node", filepath.Join("nodejs", js.file)))
	}
	return programs, missing
}

// nodeMissing says what the programs in JavaScript miss here.
func nodeMissing(ctx context.Context) string {
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return "no node here: install nodejs to have this test run"
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(string(version), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < nodeMin {
		return fmt.Sprintf("node %s here: install nodejs %d or later to have this test run", strings.TrimSpace(string(version)), nodeMin)
	}
	if found, err := filepath.Glob("nodejs/node_modules/*redis/package.json"); err != nil || len(found) != 2 {
		return "no modules ioredis and redis in tests/clients/nodejs: run make tools to have this test run"
	}
	return ""
}

// nodeMin is what ioredis and node-redis ask for.
const nodeMin = 20

func awaitUser(ctx context.Context, t *testing.T, n *cluster.Node, config *tls.Config, user, password string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("node %d knows the user", n.Number), func() error {
		one := redis.NewClient(&redis.Options{Addr: n.Addr.RESP, Username: user, Password: password, TLSConfig: config, MaxRetries: -1})
		defer one.Close()
		return one.Ping(ctx).Err()
	})
}

// killLeader kills the leader of a shard and returns when every program has gone on, and the node is back. Most go on without it.
func killLeader(ctx context.Context, t *testing.T, c *cluster.Cluster, shard uint64, programs []*program) {
	t.Helper()
	leader := c.Leader(shard)
	leader.Node.Kill()
	quick := slices.DeleteFunc(slices.Clone(programs), func(p *program) bool { return needTheNode[p.name] })
	slow := slices.DeleteFunc(slices.Clone(programs), func(p *program) bool { return !needTheNode[p.name] })
	markAll(ctx, t, quick)
	leader.Node.Start()
	markAll(ctx, t, slow)
	c.WaitReady()
	c.WaitSettled()
}

// needTheNode are libraries that may have to wait until the node that was killed is back, whatever the cluster says. go-redis looks at the
// slot map again when it is redirected, which a dead node does not do, or when its map is a minute old. redis-py 4.3.4 asks the nodes in
// their order, and before it connects anew to one that it has lost it copies what it would connect with. That fails ("cannot pickle
// '_thread.lock' object", redis/redis-py#2480), and it asks no further node.
var needTheNode = map[string]bool{"go-redis": true, "redis-py": true}

// markAll returns when each program has gone on from here.
func markAll(ctx context.Context, t *testing.T, programs []*program) {
	t.Helper()
	for _, p := range programs {
		if err := p.tell("mark"); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
	}
	awaitAll(ctx, t, programs, "marked")
}

func awaitAll(ctx context.Context, t *testing.T, programs []*program, line string) {
	t.Helper()
	for _, p := range programs {
		if err := p.await(ctx, line); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// checkWrote compares what a program says with what the cluster has. Each field that was acknowledged is there, and none that was not
// attempted. The counter has counted each acknowledged attempt. It may have counted some twice: libraries send again by themselves
// what had no answer when its connection broke.
func checkWrote(ctx context.Context, t *testing.T, judge *redis.ClusterClient, w wrote) {
	t.Helper()
	t.Logf("%s: %d attempts, %d acknowledged; last error: %q", w.Counter, w.Attempted, len(w.Acknowledged), w.Error)
	names, err := judge.HKeys(ctx, w.Fields).Result()
	if err != nil {
		t.Fatal(err)
	}
	there := map[int]bool{}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > w.Attempted {
			t.Errorf("%s has field %q of %d attempts", w.Fields, name, w.Attempted)
		}
		there[n] = true
	}
	for _, n := range w.Acknowledged {
		if !there[n] {
			t.Errorf("%s: field %d was acknowledged and is gone", w.Fields, n)
		}
	}
	if n, err := judge.Get(ctx, w.Counter).Int(); err != nil || n < len(w.Acknowledged) {
		t.Errorf("%s: counted %d, %v; acknowledged were %d", w.Counter, n, err, len(w.Acknowledged))
	}
}
