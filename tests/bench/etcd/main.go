// Command etcd puts a closed load on a cluster of etcd.
//
// Each of its connections to the leader has a number of requests in flight. It prints a line "edge" at both ends of the
// window that is measured, then what came of it as one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

type plan struct {
	endpoints                         []string
	op                                string
	conns, inFlight, keys, valueBytes int
	warmup, window                    time.Duration
}

func main() {
	var p plan
	endpoints := flag.String("endpoints", "http://127.0.0.1:2379", "members, separated by commas")
	flag.StringVar(&p.op, "op", "set", "what to do: set, get, or fill to write each key once")
	flag.IntVar(&p.conns, "conns", 50, "connections to the leader")
	flag.IntVar(&p.inFlight, "in-flight", 1, "requests of each connection that are on their way at once")
	flag.IntVar(&p.keys, "keys", 100_000, "how many keys there are")
	flag.IntVar(&p.valueBytes, "value-bytes", 64, "size of a value")
	flag.DurationVar(&p.warmup, "warmup", time.Second, "load before the window")
	flag.DurationVar(&p.window, "window", 3*time.Second, "what is measured")
	flag.Parse()
	p.endpoints = strings.Split(*endpoints, ",")
	figures, err := p.run(context.Background())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func (p *plan) run(ctx context.Context) (figures, error) {
	leader, err := p.leader(ctx)
	if err != nil {
		return figures{}, fmt.Errorf("find the leader: %w", err)
	}
	var clients []*clientv3.Client
	defer func() {
		for _, c := range clients {
			c.Close()
		}
	}()
	for range p.conns {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{leader}, DialTimeout: callMax})
		if err != nil {
			return figures{}, err
		}
		clients = append(clients, c)
	}
	if p.op == "fill" {
		return figures{}, p.fill(ctx, clients)
	}
	return p.load(ctx, clients)
}

// callMax bounds one question.
const callMax = 10 * time.Second

// leader is the endpoint of the member that leads.
func (p *plan) leader(ctx context.Context) (string, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: p.endpoints, DialTimeout: callMax})
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	for _, endpoint := range p.endpoints {
		status, err := c.Status(ctx, endpoint)
		if err != nil {
			return "", err
		}
		if status.Leader == status.Header.MemberId {
			return endpoint, nil
		}
	}
	return "", errors.New("no member leads")
}

func key(i int) string { return fmt.Sprintf("key:%012d", i) }

// txnPuts is how many puts a transaction of fill has; etcd takes 128.
const txnPuts = 100

// fill writes every key once.
func (p *plan) fill(ctx context.Context, clients []*clientv3.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	value := strings.Repeat("v", p.valueBytes)
	var next atomic.Int64
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				first := int(next.Add(txnPuts)) - txnPuts
				if first >= p.keys {
					return
				}
				var puts []clientv3.Op
				for i := first; i < min(first+txnPuts, p.keys); i++ {
					puts = append(puts, clientv3.OpPut(key(i), value))
				}
				if _, err := c.Txn(ctx).Then(puts...).Commit(); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

type figures struct {
	Elapsed    time.Duration   `json:"elapsed_ns"`
	ClientCPU  time.Duration   `json:"client_cpu_ns"`
	Failed     uint64          `json:"failed"`
	Missing    uint64          `json:"missing"`
	FirstError string          `json:"first_error,omitempty"`
	Latencies  []time.Duration `json:"latencies_ns"`
}

// load keeps requests in flight until the window is over.
func (p *plan) load(ctx context.Context, clients []*clientv3.Client) (figures, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var measured atomic.Bool
	found := make([]figures, p.conns*p.inFlight)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() { p.work(ctx, clients[i%len(clients)], uint64(i), &measured, &found[i]) })
	}
	<-time.After(p.warmup)
	fmt.Println("edge")
	cpu := -processCPU()
	measured.Store(true)
	start := time.Now()
	<-time.After(p.window)
	measured.Store(false)
	all := figures{Elapsed: time.Since(start), ClientCPU: cpu + processCPU()}
	fmt.Println("edge")
	cancel()
	wg.Wait()
	for _, f := range found {
		all.Latencies = append(all.Latencies, f.Latencies...)
		all.Failed += f.Failed
		all.Missing += f.Missing
		if all.FirstError == "" {
			all.FirstError = f.FirstError
		}
	}
	return all, nil
}

// work sends one request after another.
func (p *plan) work(ctx context.Context, c *clientv3.Client, seed uint64, measured *atomic.Bool, f *figures) {
	rng := rand.New(rand.NewPCG(seed, 1))
	value := strings.Repeat("v", p.valueBytes)
	for ctx.Err() == nil {
		k := key(rng.IntN(p.keys))
		sent := time.Now()
		var err error
		missing := false
		if p.op == "get" {
			var reply *clientv3.GetResponse
			reply, err = c.Get(ctx, k)
			missing = err == nil && reply.Count == 0
		} else {
			_, err = c.Put(ctx, k, value)
		}
		switch {
		case !measured.Load() || ctx.Err() != nil:
		case err != nil:
			f.Failed++
			f.FirstError = err.Error()
		case missing:
			f.Missing++
		default:
			f.Latencies = append(f.Latencies, time.Since(sent))
		}
	}
}

// processCPU is the CPU time of this process so far.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no other reason than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
