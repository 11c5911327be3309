package dashboard

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/cluster"
)

const (
	// pictureAfter is how long the cluster has worked before its picture is taken.
	pictureAfter  = 100 * time.Second
	pictureHeight = 1298 // pixels, of which the page is 1280 wide
)

// The picture in the README is made by: go test ./tests/dashboard -run Picture -args -pictures docs
func TestPictureOfAClusterAtWork(t *testing.T) {
	if *pictures == "" {
		t.Skip("the picture is taken with -args -pictures folder")
	}
	b := open(t, 1280, 900)
	c := cluster.Start(t, cluster.Options{Args: []string{"--maxmemory", "256mb"}})
	b.visit("http://" + c.Nodes[0].Addr.HTTP + "/")
	clients := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.RESP(), ClientName: "shop"})
	defer clients.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	_ = clients.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
		return one.ConfigSet(ctx, "slowlog-log-slower-than", "20000").Err()
	})
	for worker := range 4 {
		workers.Go(func() { work(ctx, clients, rand.New(rand.NewPCG(1, uint64(worker)))) })
	}
	select {
	case <-time.After(pictureAfter):
	case <-t.Context().Done():
	}
	id := c.StartMigration(1, 2, []slot.Range{{First: 600, Last: 899}})
	c.MigrationEnded(id)
	b.shows("#migrations", "done")
	b.do(`document.getElementById('lookup-key').value = 'product:17'; document.getElementById('lookup').requestSubmit()`)
	b.shows("#lookup-result", "Version")
	b.shot(*pictures+"/dashboard.png", pictureHeight)
	b.get("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	b.shows("#updated", "asked of")
	b.shot(*pictures+"/dashboard-dark.png", pictureHeight)
}

// work is what a shop does with its cache.
func work(ctx context.Context, clients *redis.ClusterClient, random *rand.Rand) {
	for i := 0; ctx.Err() == nil; i++ {
		product := fmt.Sprintf("product:%d", random.IntN(200_000))
		if random.IntN(8) == 0 {
			product = fmt.Sprintf("product:%d", 17+random.IntN(2)*25)
		}
		_, _ = clients.Pipelined(ctx, func(p redis.Pipeliner) error {
			for range 4 {
				p.Get(ctx, product)
			}
			if random.IntN(3) == 0 {
				p.Set(ctx, product, "a product with a name, a price and a picture that is elsewhere", time.Hour)
			}
			p.HIncrBy(ctx, fmt.Sprintf("cart:%d", random.IntN(5000)), "items", 1)
			if random.IntN(5) == 0 {
				p.Incr(ctx, product) // it is no number
			}
			return nil
		})
		if i%3 == 0 {
			select {
			case <-time.After(time.Duration(random.IntN(12)) * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}
