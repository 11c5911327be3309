package clients

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
)

// node is a client of one node alone.
func node(t *testing.T, n *cluster.Node) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: n.Addr.RESP, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// listening has a connection of a client confirmed for each of its subscriptions.
func listening(ctx context.Context, t *testing.T, ear *redis.PubSub, subscriptions int) *redis.PubSub {
	t.Helper()
	t.Cleanup(func() { _ = ear.Close() })
	for range subscriptions {
		if _, err := ear.Receive(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return ear
}

// heard waits for one message.
func heard(ctx context.Context, t *testing.T, ear *redis.PubSub) string {
	t.Helper()
	m, err := ear.ReceiveMessage(ctx)
	if err != nil {
		t.Fatalf("wait for a message: %v", err)
	}
	return fmt.Sprintf("%s %s %s", m.Pattern, m.Channel, m.Payload)
}

// Messages reach the clients of every node and of a gateway, once and in the order in which they were published, whatever becomes of other nodes.
func TestMessagesReachTheListenersOfEveryNode(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.Deadline)
	defer cancel()
	publisher := node(t, c.Nodes[0])
	ears := []*redis.PubSub{
		listening(ctx, t, node(t, c.Nodes[0]).Subscribe(ctx, "news"), 1),
		listening(ctx, t, node(t, c.Nodes[1]).PSubscribe(ctx, "n?ws"), 1),
		listening(ctx, t, node(t, c.Nodes[2]).Subscribe(ctx, "news", "olds"), 2),
	}
	patterns := []string{"", "n?ws", ""}
	publish := func(from, to int, listeners []*redis.PubSub) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := publisher.Publish(ctx, "news", i).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for at, ear := range listeners {
			for i := from; i < to; i++ {
				if got, want := heard(ctx, t, ear), fmt.Sprintf("%s news %d", patterns[at], i); got != want {
					t.Fatalf("node %d: got %q, want %q", at, got, want)
				}
			}
		}
	}
	plain := redis.NewClient(&redis.Options{Addr: c.Gateway()})
	defer plain.Close()
	atGateway := listening(ctx, t, plain.PSubscribe(ctx, "n*"), 1)
	publish(0, 200, ears)
	for i := range 200 {
		if got, want := heard(ctx, t, atGateway), fmt.Sprintf("n* news %d", i); got != want {
			t.Fatalf("gateway: got %q, want %q", got, want)
		}
	}
	if err := plain.Publish(ctx, "news", "by the gateway").Err(); err != nil {
		t.Fatal(err)
	}
	for i, ear := range append(ears, atGateway) {
		if got, want := heard(ctx, t, ear), "news by the gateway"; !strings.HasSuffix(got, want) {
			t.Fatalf("listener %d: got %q, want %q", i, got, want)
		}
	}
	c.Kill(c.Nodes[2])
	publish(200, 300, ears[:2])
	c.Nodes[2].Start()
	c.WaitReady()
	back := listening(ctx, t, node(t, c.Nodes[2]).Subscribe(ctx, "news"), 1)
	last := make(chan string, 1)
	go func() {
		m, err := back.ReceiveMessage(ctx)
		if err != nil {
			last <- err.Error()
			return
		}
		last <- m.Channel
	}()
	for { // messages for a node that can't be reached are lost
		if err := publisher.Publish(ctx, "news", "again").Err(); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-last:
			if got != "news" {
				t.Fatalf("the node that came back hears %q", got)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Shard channels are at the leader of their slot: who listens there is told when another node leads, and a client for clusters
// finds it.
func TestShardChannelsFollowTheLeader(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Settings: &clusterv1.Settings{HeartbeatMs: 1000}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*cluster.Deadline)
	defer cancel()
	shard := c.ShardIDs()[0]
	channel := c.Key(shard, "channel", 0)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP()})
	defer client.Close()
	hears := func() {
		t.Helper()
		cluster.Eventually(t, "a message comes to the leader of its slot", func() error {
			one, done := context.WithTimeout(ctx, 5*time.Second)
			defer done()
			if err := client.SPublish(one, channel, "nobody listens").Err(); err != nil {
				return err // and finds out who leads
			}
			ear := client.SSubscribe(one, channel)
			defer ear.Close()
			if _, err := ear.Receive(one); err != nil {
				return err
			}
			if err := client.SPublish(one, channel, "x").Err(); err != nil {
				return err
			}
			m, err := ear.ReceiveMessage(one)
			if err == nil && (m.Channel != channel || m.Payload != "x") {
				t.Fatalf("got %v", m)
			}
			return err
		})
	}
	hears()
	old := c.Leader(shard)
	ear := listening(ctx, t, node(t, old.Node).SSubscribe(ctx, channel), 1)
	cluster.Eventually(t, "the shard is handed over", func() error {
		_, err := c.Transfer(shard, nil)
		return err
	})
	for {
		m, err := ear.Receive(ctx)
		if err != nil {
			t.Fatalf("wait for the end of the subscription: %v", err)
		}
		if s, is := m.(*redis.Subscription); is && s.Kind == "sunsubscribe" && s.Channel == channel {
			break
		}
	}
	hears()
}
