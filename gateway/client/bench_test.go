package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/holtcache/holt/gateway/client"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// callersPerCPU is how many callers there are for each processor: on two, 64.
const callersPerCPU = 32

// What is gained where callers share messages, beside one call of the stubs for each: server and callers are one process.
//
//	go test ./gateway/client -run xxx -bench Callers -benchtime 3s
func BenchmarkCallersAtOnce(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	addr, stop := server(ctx)
	defer stop()
	c, err := client.Dial(ctx, client.Config{Addrs: []string{addr}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	plain, err := client.Dial(ctx, client.Config{Addrs: []string{addr}, Retries: client.RetryRefused})
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	stubs := cachev1.NewCacheServiceClient(conn)
	if _, err := c.Set(ctx, client.Set{Key: "k", Value: make([]byte, 64)}); err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 64)
	for _, one := range []struct {
		name string
		call func(i int) error
	}{
		{"get/client", func(int) error { _, err := c.Get(ctx, "k"); return err }},
		{"get/stubs", func(int) error { _, err := stubs.Get(ctx, &cachev1.GetRequest{Key: []byte("k")}); return err }},
		{"set/client", func(i int) error { _, err := c.Set(ctx, client.Set{Key: key(i), Value: value}); return err }},
		{"set/client without ids", func(i int) error { _, err := plain.Set(ctx, client.Set{Key: key(i), Value: value}); return err }},
		{"set/stubs", func(i int) error {
			_, err := stubs.Set(ctx, &cachev1.SetRequest{Key: []byte(key(i)), Value: value})
			return err
		}},
	} {
		b.Run(one.name, func(b *testing.B) {
			b.SetParallelism(callersPerCPU)
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					if err := one.call(i); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func key(i int) string { return fmt.Sprint("key-", i%1000) }
