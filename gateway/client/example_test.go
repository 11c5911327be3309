package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/node"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// server runs a cluster of one node in this process and returns its gRPC address.
func server(ctx context.Context) (addr string, stop func()) {
	dir, err := os.MkdirTemp("", "holt-example-")
	if err != nil {
		log.Fatal(err)
	}
	const any = "127.0.0.1:0"
	n, err := node.Open(node.Config{
		Dir: dir, Listen: meta.Addresses{RESP: any, GRPC: any, Cluster: any, Gossip: any, HTTP: any}, Version: "example",
		Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	admin, err := client.DialAdmin(n.Addresses().GRPC)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := admin.InitCluster(ctx, 1, &clusterv1.Settings{}); err != nil {
		log.Fatal(err)
	}
	return n.Addresses().GRPC, func() {
		closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(admin.Close(), n.Close(closing), os.RemoveAll(dir)); err != nil {
			log.Print(err)
		}
	}
}

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()

	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, RetryMax: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Set(ctx, client.Set{Key: "greeting", Value: []byte("hello"), TTL: time.Hour}); err != nil {
		log.Fatal(err)
	}
	item, err := c.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, expires: %v\n", item.Value, !item.ExpireAt.IsZero())
	visits, err := c.Increment(ctx, client.Increment{Key: "visits", By: 3})
	fmt.Println(visits.Int, err)
	missing, err := c.Get(ctx, "nothing")
	fmt.Println(missing, err)
	// Output:
	// hello, expires: true
	// 3 <nil>
	// <nil> <nil>
}

// A value is replaced only if nobody has changed it since it was read.
func ExampleClient_Set_ifVersion() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, RetryMax: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	first, err := c.Set(ctx, client.Set{Key: "config", Value: []byte("one")})
	if err != nil {
		log.Fatal(err)
	}
	for _, value := range []string{"two", "three"} {
		r, err := c.Set(ctx, client.Set{Key: "config", Value: []byte(value), IfVersion: first.Version})
		fmt.Println(value, r.Done, err)
	}
	// Output:
	// two true <nil>
	// three false <nil>
}

// Operations on keys of one slot can be done as one; a hash tag puts keys into one slot.
func ExampleClient_Batch() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, RetryMax: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	results, err := c.Batch(ctx,
		client.Increment{Key: "{account}from", By: -10},
		client.Increment{Key: "{account}to", By: 10},
		client.Get{Key: "{account}to"},
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(results[0].Int, results[1].Int, string(results[2].Item.Value))
	_, err = c.Batch(ctx, client.Increment{Key: "here"}, client.Increment{Key: "there"})
	fmt.Println(apierr.KindOf(err), apierr.Of(err).Result())
	// Output:
	// -10 10 10
	// cross-slot not applied
}

// Independent operations on any keys go out together.
func ExampleClient_Do() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, RetryMax: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for _, r := range c.Do(ctx, client.Set{Key: "a", Value: []byte("1")}, client.Set{Key: "b", Value: []byte("2")}, client.Delete{Key: "c"}) {
		fmt.Println(r.Done, r.Err)
	}
	// Output:
	// true <nil>
	// true <nil>
	// false <nil>
}

// A watcher hears of every change behind its token, also of those that came while nobody listened.
func ExampleClient_Watch() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, RetryMax: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	watch := client.Watch{Prefix: "user:"}
	set := func(key, value string) {
		if _, err := c.Set(ctx, client.Set{Key: key, Value: []byte(value)}); err != nil {
			log.Fatal(err)
		}
	}
	for _, name := range []string{"ann", "bob"} {
		w, err := c.Watch(ctx, watch)
		if err != nil {
			log.Fatal(err)
		}
		set("other:1", "not watched")
		set("user:1", name)
		update, err := w.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s is %s\n", update.Event.Key, update.Event.Value)
		watch.From = w.Token()
		if err := w.Close(); err != nil {
			log.Fatal(err)
		}
		set("user:2", "behind the token of "+name)
	}
	// Output:
	// user:1 is ann
	// user:2 is behind the token of ann
}
