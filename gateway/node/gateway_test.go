package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

func openGateway(t *testing.T, nodes []*Node) *Gateway {
	t.Helper()
	var join []string
	for _, n := range nodes {
		join = append(join, n.Addresses().GRPC)
	}
	g, err := OpenGateway(t.Context(), GatewayConfig{Join: join, Listen: meta.Addresses{RESP: anyPort, GRPC: anyPort, HTTP: anyPort}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Errorf("close the gateway: %v", err)
		}
	})
	await(t, "the gateway is ready", func() bool {
		r, err := http.Get("http://" + g.Addresses().HTTP + "/readyz")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	http.DefaultClient.CloseIdleConnections()
	return g
}

// plain is a client that knows nothing of clusters.
func plain(t *testing.T, addr string, proto int) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: addr, Protocol: proto, MaxRetries: -1, DisableIdentity: true, ReadTimeout: 10 * time.Second})
	t.Cleanup(func() { r.Close() })
	return r
}

// A gateway, and a node that redirects nobody, are one address for all keys: to clients of either protocol version.
func TestPlainClientsReachAllKeysAtOneAddress(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3, func(c *Config) { c.RESPMode = RESPProxy })
	g := openGateway(t, nodes)
	for what, addr := range map[string]string{"gateway": g.Addresses().RESP, "node": nodes[1].Addresses().RESP} {
		for _, proto := range []int{2, 3} {
			t.Run(fmt.Sprint(what, ", RESP", proto), func(t *testing.T) { talkPlainly(t, plain(t, addr, proto)) })
		}
	}
}

func talkPlainly(t *testing.T, r *redis.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	await(t, "FLUSHALL finds all leaders", func() bool { return r.FlushAll(ctx).Err() == nil }) // one may change on the way
	var pairs []any
	var keys []string
	for i := range 60 {
		keys = append(keys, fmt.Sprint("key-", i))
		pairs = append(pairs, keys[i], fmt.Sprint("value-", i))
	}
	must("MSET over slots", r.MSet(ctx, pairs...).Err())
	values, err := r.MGet(ctx, append([]string{"missing"}, keys...)...).Result()
	must("MGET over slots", err)
	if values[0] != nil {
		t.Errorf("a missing key is %v", values[0])
	}
	for i, v := range values[1:] {
		if v != fmt.Sprint("value-", i) {
			t.Errorf("MGET, %s: %v", keys[i], v)
		}
	}
	await(t, "DBSIZE counts the keys of all leaders", func() bool { // leaderships may still move, and it asks one node after another
		n, err := r.DBSize(ctx).Result()
		return n == 60 && err == nil
	})
	if n, err := r.Exists(ctx, keys[0], keys[1], "missing", keys[2], keys[2]).Result(); n != 4 || err != nil {
		t.Errorf("EXISTS over slots: %d, %v", n, err)
	}
	if n, err := r.Del(ctx, keys[:20]...).Result(); n != 20 || err != nil {
		t.Errorf("DEL over slots: %d, %v", n, err)
	}
	if n, err := r.Unlink(ctx, append(keys[20:40:40], "missing")...).Result(); n != 20 || err != nil {
		t.Errorf("UNLINK over slots: %d, %v", n, err)
	}
	if n, err := r.Touch(ctx, keys[39:42]...).Result(); n != 2 || err != nil {
		t.Errorf("TOUCH over slots: %d, %v", n, err)
	}
	if err := r.MSetNX(ctx, "here", 1, "there", 2).Err(); err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
		t.Errorf("MSETNX over slots: %v", err)
	}
	if err := r.Get(ctx, "missing").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("GET of nothing: %v", err)
	}
	pipelinePlainly(t, ctx, r)
	transactPlainly(t, ctx, r)
}

// Replies come in the order of the commands, whoever gives them, and a command sees what the ones before it did.
func pipelinePlainly(t *testing.T, ctx context.Context, r *redis.Client) {
	p := r.Pipeline()
	for i := range 50 {
		key := fmt.Sprint("pipe-", i%7)
		p.Set(ctx, key, i, 0)
		p.IncrBy(ctx, key, 1000)
		p.Get(ctx, key)
		p.Echo(ctx, i)
		p.MGet(ctx, key, "missing")
	}
	p.Incr(ctx, "text")
	p.Set(ctx, "text", "abc", 0)
	p.Incr(ctx, "text")
	commands, err := p.Exec(ctx)
	if err == nil {
		t.Error("INCR of a text did not fail")
	}
	for i := range 50 {
		at := commands[5*i:]
		want := fmt.Sprint(i + 1000)
		if got := at[2].(*redis.StringCmd).Val(); got != want {
			t.Errorf("round %d: GET %q, want %s", i, got, want)
		}
		if got := at[3].(*redis.StringCmd).Val(); got != fmt.Sprint(i) {
			t.Errorf("round %d: ECHO %q", i, got)
		}
		if got := at[4].(*redis.SliceCmd).Val(); len(got) != 2 || got[0] != want || got[1] != nil {
			t.Errorf("round %d: MGET %v", i, got)
		}
	}
	if commands[250].Err() != nil || commands[251].Err() != nil || commands[252].Err() == nil {
		t.Errorf("at the end: %v, %v, %v", commands[250], commands[251], commands[252])
	}
}

func transactPlainly(t *testing.T, ctx context.Context, r *redis.Client) {
	for i := range 12 { // slots of all leaders
		key := fmt.Sprint("tx-", i)
		commands, err := r.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, key, 1, 0)
			p.IncrBy(ctx, key, 41)
			return nil
		})
		if err != nil || commands[1].(*redis.IntCmd).Val() != 42 {
			t.Errorf("%s: %v, %v", key, commands, err)
		}
		for _, disturbed := range []bool{false, true} {
			err := r.Watch(ctx, func(tx *redis.Tx) error {
				if disturbed {
					if err := r.Set(ctx, key, "changed", 0).Err(); err != nil {
						return err
					}
				}
				_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, key, "mine", 0); return nil })
				return err
			}, key)
			want := map[bool]error{true: redis.TxFailedErr}[disturbed]
			if !errors.Is(err, want) {
				t.Errorf("%s, watched, disturbed %v: %v, want %v", key, disturbed, err, want)
			}
		}
		if got := r.Get(ctx, key).Val(); got != "changed" {
			t.Errorf("%s is %q", key, got)
		}
	}
	_, err := r.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "here", 1, 0)
		p.Set(ctx, "there", 1, 0)
		return nil
	})
	if err == nil {
		t.Error("a transaction over slots was run")
	}
}

// A gateway follows leaderships, and nobody hears of it.
func TestGatewayFollowsLeaderships(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	g := openGateway(t, nodes)
	r := plain(t, g.Addresses().RESP, 3)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a := admin0(t, nodes[0])
	shards, err := a.Shards(ctx)
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan error, 1)
	go func() {
		for i := range 4 {
			for { // a leader that has just begun refuses
				_, err := a.Transfer(ctx, shards.Shards[i%len(shards.Shards)].Shard.Id, "")
				if err == nil {
					break
				}
				if ctx.Err() != nil {
					moved <- err
					return
				}
			}
		}
		moved <- nil
	}()
	want := map[string]int64{}
	for done := false; !done; {
		for i := range 20 {
			key := fmt.Sprint("n-", i)
			n, err := r.Incr(ctx, key).Result()
			if want[key]++; err != nil || n != want[key] {
				t.Fatalf("INCR %s: %d, %v, want %d", key, n, err, want[key])
			}
		}
		select {
		case err := <-moved:
			if err != nil {
				t.Fatalf("transfer: %v", err)
			}
			done = true
		default:
		}
	}
}

func TestGatewayTakesGRPC(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	g := openGateway(t, nodes)
	conn, err := grpc.NewClient("passthrough:///"+g.Addresses().GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cache := cachev1.NewCacheServiceClient(conn)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	id := &cachev1.CallOptions{RequestId: []byte("0123456789abcdef"), RequestIdUntilMs: time.Now().Add(time.Minute).UnixMilli()}
	for i := range 10 {
		key := fmt.Appendf(nil, "g-%d", i)
		for range 2 {
			n, err := cache.Increment(ctx, &cachev1.IncrementRequest{Key: key, Delta: &cachev1.IncrementRequest_IntDelta{IntDelta: 7}, Options: id})
			if err != nil || n.GetIntValue() != 7 {
				t.Fatalf("%s: %v, %v", key, n, err)
			}
		}
		got, err := cache.Get(ctx, &cachev1.GetRequest{Key: key})
		if err != nil || string(got.GetItem().GetValue()) != "7" {
			t.Errorf("%s: %v, %v", key, got, err)
		}
	}
}
