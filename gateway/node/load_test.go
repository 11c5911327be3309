package node

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// startAgain closes a node and starts it on its folder, with its data held back from a stage on until the test lets go.
func startAgain(t *testing.T, n *Node, from loadStage) (again *Node, letGo func()) {
	t.Helper()
	closeNode(t, n)
	held := make(chan struct{})
	again, err := Start(Config{
		Dir: n.cfg.Dir, Listen: n.Addresses(), Version: "test", Fatal: func(err error) { panic(err) },
		beforeLoad: func(ctx context.Context, s loadStage) {
			if s < from {
				return
			}
			select {
			case <-held:
			case <-ctx.Done():
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, again) })
	return again, func() { close(held) }
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	reply, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(body)
}

func TestNodeSaysThatItIsLoadingUntilItsDataIsThere(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	set(t, clientOf(t, []*Node{n}), "k", 7)
	n, letGo := startAgain(t, n, loadLogs)
	c := redis.NewClient(&redis.Options{Addr: n.Addresses().RESP, MaxRetries: -1})
	defer c.Close()
	const loading = "LOADING Holt is loading the dataset in memory"
	for _, command := range [][]any{{"GET", "k"}, {"SET", "k", 8}, {"PING"}, {"DBSIZE"}, {"FLUSHALL"}, {"CLUSTER", "COUNTKEYSINSLOT", 1}, {"CLUSTER", "SLOTS"}, {"CLUSTER", "NODES"}} {
		if err := c.Do(t.Context(), command...).Err(); err == nil || err.Error() != loading {
			t.Errorf("%v: %v, want %s", command, err, loading)
		}
	}
	if _, err := c.TxPipelined(t.Context(), func(p redis.Pipeliner) error { return p.Set(t.Context(), "k", 9, 0).Err() }); err == nil {
		t.Error("a transaction was run")
	}
	for _, command := range [][]any{{"ECHO", "x"}, {"INFO"}, {"COMMAND", "COUNT"}, {"CLIENT", "ID"}} {
		if err := c.Do(t.Context(), command...).Err(); err != nil {
			t.Errorf("%v: %v", command, err)
		}
	}
	info := c.Info(t.Context(), "persistence").Val()
	for _, field := range []string{"loading:1\r\n", "loading_start_time:", "loading_total_bytes:", "loading_loaded_bytes:", "loading_loaded_perc:", "loading_eta_seconds:"} {
		if !strings.Contains(info, field) {
			t.Errorf("INFO persistence has no %q: %s", field, info)
		}
	}
	if code, body := get(t, "http://"+n.Addresses().HTTP+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "loading its data: ") || !strings.Contains(body, "%") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, _ := get(t, "http://"+n.Addresses().HTTP+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
	refusedByGRPC(t, n)
	if _, err := admin0(t, n).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "loading its data") {
		t.Errorf("status: %v", err)
	}

	letGo()
	if err := n.Loaded(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "the key is there again", func() bool { got, err := c.Get(t.Context(), "k").Int(); return err == nil && got == 7 })
	if info := c.Info(t.Context(), "persistence").Val(); !strings.Contains(info, "loading:0\r\n") || strings.Contains(info, "loading_") {
		t.Errorf("INFO persistence after loading: %s", info)
	}
	if s := n.folder.Loading().Stats(); s.LoadedBytes != s.TotalBytes || s.TotalBytes == 0 || s.Entries == 0 {
		t.Errorf("loaded: %+v", s)
	}
}

// A call by gRPC is refused as not applied, in a way that clients repeat.
func refusedByGRPC(t *testing.T, n *Node) {
	t.Helper()
	conn, err := grpc.NewClient(n.Addresses().GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = cachev1.NewCacheServiceClient(conn).Set(t.Context(), &cachev1.SetRequest{Key: []byte("k"), Value: []byte("x")})
	st, _ := status.FromError(err)
	if st.Code() != codes.Unavailable || len(st.Details()) != 1 {
		t.Fatalf("Set: %v", err)
	}
	d, _ := st.Details()[0].(*cachev1.ErrorDetail)
	if d.GetKind() != "loading" || d.GetOutcome() != cachev1.Outcome_OUTCOME_NOT_APPLIED || d.GetRetry() != cachev1.RetryAdvice_RETRY_ADVICE_AGAIN {
		t.Errorf("Set: detail %v", d)
	}
}

func TestCloseWhileLoadingIsPrompt(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	dir := n.cfg.Dir
	n, _ = startAgain(t, n, loadLogs)
	closeNode(t, n) // nobody lets go
	if err := n.Loaded(t.Context()); err == nil {
		t.Error("the data of a node that was closed meanwhile is loaded")
	}
	n = open(t, Config{Dir: dir})
	awaitReady(t, n)
}

// A folder that cannot be loaded ends the start, whichever part of it is damaged, and nothing stays open.
func TestStartFailsWhereDataCannotBeLoaded(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	closeNode(t, n)
	segments, err := filepath.Glob(filepath.Join(n.cfg.Dir, "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	data[200] ^= 1
	if err := os.WriteFile(segments[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Config{Dir: n.cfg.Dir, Listen: anyListen, Fatal: func(err error) { panic(err) }})
	if err == nil || !strings.Contains(err.Error(), filepath.Base(segments[0])) || !strings.Contains(err.Error(), "offset") {
		t.Errorf("err %v", err)
	}
}

// A node that loads leads no shard, whatever its replicas could do, and sends clients to those who lead.
func TestNodeThatLoadsSendsClientsToThoseWhoLead(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	set(t, clientOf(t, nodes), "k", 1)
	n, letGo := startAgain(t, nodes[2], loadReplicas)
	await(t, "the other two lead all shards", func() bool { // they may take it for a leader until they hear of later terms
		v := nodes[0].cluster.View()
		for _, s := range v.Shards {
			if s.Leader == n.ID() {
				return false
			}
		}
		return v.Served()
	})
	await(t, "the node knows who leads", func() bool { return n.host.Load() != nil && n.cluster.View().Served() })
	direct := redis.NewClient(&redis.Options{Addr: n.Addresses().RESP, MaxRetries: -1})
	defer direct.Close()
	if err := direct.Get(t.Context(), "k").Err(); err == nil || !strings.HasPrefix(err.Error(), "MOVED ") {
		t.Errorf("GET at the node that loads: %v", err)
	}
	for _, command := range [][]any{{"CLUSTER", "NODES"}, {"CLUSTER", "SLOTS"}, {"CLUSTER", "SHARDS"}} {
		reply := fmt.Sprint(direct.Do(t.Context(), command...).Val())
		_, port0, _ := strings.Cut(nodes[0].Addresses().RESP, ":")
		_, port1, _ := strings.Cut(nodes[1].Addresses().RESP, ":") // one of them may lead all
		if !strings.Contains(reply, port0) && !strings.Contains(reply, port1) {
			t.Errorf("%v tells neither of port %s nor of %s: %s", command, port0, port1, reply)
		}
	}
	if err := direct.Do(t.Context(), "CLUSTER", "COUNTKEYSINSLOT", 1).Err(); err == nil || !strings.HasPrefix(err.Error(), "LOADING ") {
		t.Errorf("keys in a slot: %v", err)
	}
	c := clientOf(t, []*Node{n})
	for i := range 20 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	letGo()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := n.Loaded(ctx); err != nil {
		t.Fatal(err)
	}
	awaitReady(t, n)
}
