package node

import (
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// record is a log that several nodes write to.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// The founder draws the hash seed, the others get it when they join, and keep it. Nothing that a client or an operator
// sees has it: with it clients could choose keys that collide.
func TestHashSeedIsKnownToAllNodesAndShownToNobody(t *testing.T) {
	t.Parallel()
	log := &record{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	first := open(t, Config{Dir: filepath.Join(dir, "0"), Logger: logger})
	second := open(t, Config{Dir: filepath.Join(dir, "1"), Join: []string{first.Addresses().Cluster}, Logger: logger})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	a := admin0(t, first)
	if _, err := a.InitCluster(ctx, 2, &clusterv1.Settings{HeartbeatMs: 1000, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	awaitReady(t, first)
	awaitReady(t, second)

	seed := first.folder.HashSeed()
	for _, n := range []*Node{first, second} {
		if got := n.folder.HashSeed(); got != seed || got == 0 {
			t.Errorf("node %s has seed %x in its folder, the founder %x", n.ID()[:8], got, seed)
		}
		await(t, "the state has the seed", func() bool { return n.host.Load().State().HashSeed() == seed })
	}

	shown := map[string]string{}
	c := redis.NewClient(&redis.Options{Addr: second.Addresses().RESP})
	defer c.Close()
	for _, command := range [][]any{
		{"CONFIG", "GET", "*"}, {"INFO"}, {"INFO", "everything"}, {"CLUSTER", "INFO"}, {"CLUSTER", "NODES"}, {"CLUSTER", "SHARDS"},
		{"CLUSTER", "SLOTS"}, {"CLUSTER", "MYID"}, {"COMMAND", "DOCS"}, {"CLIENT", "INFO"},
	} {
		reply, err := c.Do(ctx, command...).Result()
		shown[fmt.Sprint(command...)] = fmt.Sprint(reply, err)
	}
	status, err := a.Status(ctx)
	shown["status"] = fmt.Sprint(status, err)
	nodes, err := a.Nodes(ctx)
	shown["nodes"] = fmt.Sprint(nodes, err)
	shards, err := a.Shards(ctx)
	shown["shards"] = fmt.Sprint(shards, err)
	log.mu.Lock()
	shown["log"] = log.text.String()
	log.mu.Unlock()
	if !strings.Contains(shown["CLUSTERNODES"], first.ID()) || !strings.Contains(shown["log"], "joined") || !strings.Contains(shown["status"], first.ID()) {
		t.Errorf("nothing is shown, so nothing is tested: %v", shown)
	}
	for where, text := range shown {
		for _, form := range []string{fmt.Sprint(seed), fmt.Sprint(int64(seed)), fmt.Sprintf("%x", seed), fmt.Sprintf("%x", bits.ReverseBytes64(seed))} {
			if strings.Contains(strings.ToLower(text), form) {
				t.Errorf("%s shows the hash seed", where)
			}
		}
	}
}
