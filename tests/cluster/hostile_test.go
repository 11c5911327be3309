package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/shard/transport"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/hostile"
	"github.com/holtcache/holt/tests/workload"
)

func TestHostileRESPCostsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	n := c.Nodes[0]
	for _, h := range hostile.RESP {
		t.Run(h.Name, func(t *testing.T) { attack(t, n, n.Addr.RESP, h) })
	}
	t.Run("byte by byte", func(t *testing.T) {
		conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, b := range []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nbytes\r\n") {
			if err := conn.SendRaw(cluster.Deadline, []byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if reply, err := conn.Receive(cluster.Deadline); reply != "OK" {
			t.Errorf("got %v, %v", reply, err)
		}
	})
	t.Run("half a command, then the end", func(t *testing.T) {
		for range 50 {
			conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.SendRaw(cluster.Deadline, []byte("*3\r\n$3\r\nSET\r\n$1\r\nhalf\r\n$5\r\nhal")); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		unharmed(t, n)
	})
	t.Run("a value over the limit", func(t *testing.T) {
		conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if reply, err := conn.Do(cluster.Deadline, "SET", "big", strings.Repeat("x", 8<<20)); reply != "OK" {
			t.Errorf("at the limit: %v, %v", reply, err)
		}
		if _, err := conn.Do(cluster.Deadline, "SET", "big", strings.Repeat("x", 8<<20+1)); err == nil {
			t.Error("over the limit: OK")
		}
		unharmed(t, n)
	})
	t.Run("pipelined commands whose replies nobody reads", func(t *testing.T) {
		conn, err := net.Dial("tcp", n.Addr.RESP)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetWriteDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		pings := bytes.Repeat([]byte("GET big\r\n"), 10000)
		for range 10 {
			if _, err := conn.Write(pings); err != nil {
				break // cut off, or the other end takes no more: both bound what it holds
			}
		}
		unharmed(t, n)
	})
	if n.Running() && strings.Contains(n.Log(), "panicked") {
		t.Error("a connection panicked")
	}
}

func TestHostileRESPBeforeAUTHCostsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	n := c.Nodes[0]
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline, []string{"CONFIG", "SET", "requirepass", "secret"}, []string{"AUTH", "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	login := []string{"AUTH", "secret"}
	for _, h := range hostile.BeforeAUTH {
		t.Run(h.Name, func(t *testing.T) { attack(t, n, n.Addr.RESP, h, login) })
	}
	if reply, err := conn.Do(cluster.Deadline, "EXISTS", "x"); reply != int64(0) {
		t.Errorf("a command of nobody was run: %v, %v", reply, err)
	}
}

// attack sends hostile bytes to a port and looks whether the node took harm.
func attack(t *testing.T, n *cluster.Node, addr string, h hostile.Input, login ...[]string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, cluster.Deadline)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(cluster.Deadline)); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte(h.Bytes)) // the other end may have closed it already
	if !h.Closes && h.Says == "" {
		unharmed(t, n, login...)
		return
	}
	var got []byte
	buffer := make([]byte, 4<<10)
	for h.Closes || !strings.Contains(string(got), h.Says) {
		count, err := conn.Read(buffer)
		got = append(got, buffer[:count]...)
		if errors.Is(err, os.ErrDeadlineExceeded) || len(got) > 1<<20 {
			t.Fatalf("the connection is not closed; got %.200q", got)
		}
		if err != nil {
			break // closed, in one way or another
		}
	}
	if !strings.Contains(string(got), h.Says) {
		t.Errorf("got %.200q, want %q in it", got, h.Says)
	}
	unharmed(t, n, login...)
}

// unharmed looks whether a node serves another connection, by the process that was attacked.
func unharmed(t *testing.T, n *cluster.Node, login ...[]string) {
	t.Helper()
	if !n.Running() {
		t.Fatalf("the node has ended")
	}
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline, login...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if reply, err := conn.Do(cluster.Deadline, "PING"); reply != "PONG" {
		t.Fatalf("PING: %v, %v", reply, err)
	}
}

func TestHostileBytesOnTheOtherPortsCostTheirConnectionOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{})
	values := put(t, c, "hostile")
	n := c.Nodes[0]
	garbage := strings.Repeat("\xff\x00\xfe\x01", 4<<10)
	http2 := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	t.Run("at once", func(t *testing.T) {
		var wg sync.WaitGroup // not t.Parallel: all of them wait for the other end, and more than two at a time may
		defer wg.Wait()
		for _, port := range []struct{ name, addr string }{
			{"cluster", n.Addr.Cluster}, {"gRPC", n.Addr.GRPC}, {"gossip", n.Addr.Gossip}, {"HTTP", n.Addr.HTTP},
		} {
			for _, h := range []hostile.Input{
				{Name: "garbage", Bytes: garbage, Closes: true},
				{Name: "a browser", Bytes: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", Closes: true},
				{Name: "RESP", Bytes: "*1\r\n$4\r\nPING\r\n\r\n\r\n", Closes: true},
				{Name: "HTTP/2, then garbage", Bytes: http2 + garbage, Closes: true},
				{Name: "Raft, then garbage", Bytes: string(transport.Preface) + garbage, Closes: true},
				{Name: "Raft, then a frame of 4 GiB", Bytes: string(transport.Preface) + "\xff\xff\xff\xff\xff\xff\xff\xff" + garbage, Closes: true},
			} {
				wg.Go(func() {
					t.Run(port.name+", "+h.Name, func(t *testing.T) { attack(t, n, port.addr, h) })
				})
			}
		}
	})
	t.Run("gossip, garbage by UDP", func(t *testing.T) {
		conn, err := net.Dial("udp", n.Addr.Gossip)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := range 200 {
			if _, err := conn.Write([]byte(garbage[:1+i%1400])); err != nil {
				t.Fatal(err)
			}
		}
		unharmed(t, n)
	})
	c.WaitReady()
	want(t, c, values)
	for _, n := range c.Nodes {
		if strings.Contains(n.Log(), "panic") {
			t.Errorf("node %d panicked", n.Number)
		}
	}
}

func TestBadGRPCCallsAreRefusedByName(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, cluster.Options{Nodes: 1})
	n := c.Nodes[0]
	conn, err := grpc.NewClient("passthrough:///"+n.Addr.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
	defer cancel()
	cache := cachev1.NewCacheServiceClient(conn)
	for _, tt := range []struct {
		name string
		call func() error
		want codes.Code
	}{
		{"no key", func() error { _, err := cache.Get(ctx, &cachev1.GetRequest{}); return err }, codes.InvalidArgument},
		{"a negative TTL", func() error {
			_, err := cache.Set(ctx, &cachev1.SetRequest{Key: []byte("k"), Value: []byte("v"), Expiry: &cachev1.SetRequest_TtlMs{TtlMs: -1}})
			return err
		}, codes.InvalidArgument},
		{"a value over the limit", func() error {
			_, err := cache.Set(ctx, &cachev1.SetRequest{Key: []byte("k"), Value: make([]byte, 8<<20+1)})
			return err
		}, codes.ResourceExhausted},
		{"a message over every limit", func() error {
			_, err := cache.Set(ctx, &cachev1.SetRequest{Key: []byte("k"), Value: make([]byte, 80<<20)})
			return err
		}, codes.ResourceExhausted},
		{"an unknown method", func() error {
			return conn.Invoke(ctx, "/holt.cache.v1.CacheService/Nothing", &cachev1.GetRequest{}, &cachev1.GetResponse{})
		}, codes.Unimplemented},
		{"what only nodes may call", func() error {
			return conn.Invoke(ctx, "/holt.node.v1.NodeService/Join", &cachev1.GetRequest{}, &cachev1.GetResponse{})
		}, codes.Unimplemented},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call(); status.Code(err) != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			unharmed(t, n)
		})
	}
}
