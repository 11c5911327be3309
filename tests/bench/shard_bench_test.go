package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/transport"
)

// benchShard is the shard that is measured; 1 and up are data groups.
const benchShard = slot.ShardID(1)

// benchSpan bounds the waits of these benchmarks.
const benchSpan = time.Minute

// benchClients is how many goroutines share the work.
const benchClients = 50

// trio is one shard of three replicas in this process: raft and executor, log files that are synced, loopback TCP.
type trio struct {
	mu    sync.Mutex // protects the fields below
	addrs map[string]string
	nodes []*trioNode
}

type trioNode struct {
	id        string
	listener  net.Listener
	transport *transport.Transport
	confirmer *shard.Confirmer
	stable    *logstore.Stable
	replica   atomic.Pointer[shard.Replica]
	wg        sync.WaitGroup
}

func (c *trio) ClusterAddr(id string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr, ok := c.addrs[id]
	return addr, ok
}

// openTrio returns the replica that leads.
func openTrio(b *testing.B) *shard.Replica {
	b.Helper()
	c := &trio{addrs: map[string]string{}}
	members := []string{"a", "b", "c"}
	for _, id := range members {
		if err := c.open(b.TempDir(), id, members); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		for _, n := range c.nodes {
			if err := n.close(); err != nil {
				b.Error(err)
			}
		}
	})
	for deadline := time.Now().Add(benchSpan); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, n := range c.nodes {
			r := n.replica.Load()
			if _, ok := r.Executor().Serving(); ok && len(r.Store().Owned()) > 0 {
				return r
			}
		}
	}
	b.Fatal("no replica serves")
	return nil
}

func (c *trio) open(dir, id string, members []string) error {
	timings := shard.DefaultTimings()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n := &trioNode{id: id, listener: l}
	c.mu.Lock()
	c.addrs[id] = l.Addr().String()
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	n.transport, err = transport.New(transport.Config{
		NodeID: id, ClusterID: func() string { return "bench" }, LeaseMax: timings.LeaseMax, Resolver: c, SpoolDir: filepath.Join(dir, "spool"),
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	})
	if err != nil {
		return err
	}
	n.transport.ServeConfirm(func(q transport.GroupTerm) bool {
		r := n.replica.Load()
		return r != nil && slot.ShardID(q.Group) == benchShard && r.Term() <= q.Term
	})
	n.wg.Go(n.accept)
	n.confirmer = shard.NewConfirmer(n.transport, timings.Lease)
	wire, err := n.transport.Group(transport.GroupID(benchShard))
	if err != nil {
		return err
	}
	if n.stable, err = logstore.OpenStable(filepath.Join(dir, "stable.db"), stop); err != nil {
		return err
	}
	r, err := shard.Open(shard.Config{
		Group: benchShard, Node: id, Timings: timings, Wire: wire, Confirmer: n.confirmer, Bootstrap: members,
		OpenStorage: func(h shard.Hooks) (shard.Storage, error) { return n.storage(dir, h) },
		Slots:       func() []slot.Range { return slot.Split(1) },
		Nonce:       rand.Uint64,
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	n.replica.Store(r)
	return nil
}

// stop is for a disk that fails: nothing that is measured then means anything.
func stop(err error) { panic(err) }

func (n *trioNode) storage(dir string, h shard.Hooks) (shard.Storage, error) {
	log, err := logstore.OpenLog(logstore.LogConfig{
		Path: filepath.Join(dir, "log.db"), Group: uint64(benchShard), Sync: logstore.SyncAlways,
		Appended: func(entries []*raft.Log) { h.Appended(entries) }, Floor: h.Floor, Fatal: stop,
	})
	if err != nil {
		return shard.Storage{}, err
	}
	snapshots, err := logstore.OpenSnapshots(dir, log, nil)
	if err != nil {
		return shard.Storage{}, errors.Join(err, log.Close())
	}
	return shard.Storage{Log: log, Stable: n.stable.Group(uint64(benchShard)), Snapshots: snapshots, Close: log}, nil
}

func (n *trioNode) accept() {
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.wg.Go(func() {
			preface := make([]byte, len(transport.Preface))
			if _, err := conn.Read(preface); err != nil {
				conn.Close()
				return
			}
			n.transport.Serve(conn)
		})
	}
}

func (n *trioNode) close() error {
	var err error
	if r := n.replica.Load(); r != nil {
		err = r.Close()
	}
	n.confirmer.Close()
	err = errors.Join(err, n.transport.Close(), n.listener.Close(), n.stable.Close())
	n.wg.Wait()
	return err
}

// BenchmarkShardSet asks what a write costs at the shard's own interface, without sockets of clients.
//
// The sketch: a batch costs each replica one bbolt commit, which is two fdatasyncs (pages, then the meta page), first on
// the leader and then, at the same time, on its followers. With fdatasync at 0.15 ms a batch so takes 4 x 0.15 ms and
// two hops over loopback (0.05 ms each with the switch of goroutines), about 0.7 ms; its six fdatasyncs are 0.9 ms where
// the disk does one after the other. 50 clients that wait fill one or two batches in flight with 25 to 50 writes each:
// 25,000 to 50,000 writes/s. With -bench-pipeline each of them submits 16 at once, batches grow by 16, and the rest of
// the path (evaluation, encoding, three times the store) starts to count: 2 to 4 us a write.
//
// fsyncs-max/op is not measured but derived: 6 for each log entry. raft writes entries that wait together in one commit,
// so it is a bound.
func BenchmarkShardSet(b *testing.B) {
	for _, pipeline := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d/pipeline=%d", benchClients, pipeline), func(b *testing.B) {
			leader := openTrio(b)
			before := leader.State().Applied
			b.ReportAllocs()
			share(b, func(client int, next func(int) int) error { return setAll(leader, client, pipeline, next) })
			entries := leader.State().Applied - before
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(b.N)/float64(entries), "writes/entry")
			b.ReportMetric(6*float64(entries)/float64(b.N), "fsyncs-max/op")
		})
	}
}

// BenchmarkShardGet is the same for reads under a lease: no disk, no hop, no goroutine but the caller's. The sketch: the
// gate (two atomic loads), the shard's clock, one lock and one look into a map, so 0.2 us for each of two processors.
func BenchmarkShardGet(b *testing.B) {
	for _, mode := range []struct {
		name string
		mode executor.ReadMode
	}{{"lease", executor.ReadLease}, {"index", executor.ReadIndex}} {
		b.Run(fmt.Sprintf("clients=%d/mode=%s", benchClients, mode.name), func(b *testing.B) {
			leader := openTrio(b)
			var one sync.Once
			if err := setAll(leader, 0, 1, func(int) (n int) { one.Do(func() { n = 1 }); return n }); err != nil {
				b.Fatal(err)
			}
			key := benchKey(nil, 0, 0)
			b.ReportAllocs()
			share(b, func(_ int, next func(int) int) error {
				ctx, cancel := context.WithTimeout(context.Background(), benchSpan)
				defer cancel()
				for next(1) > 0 {
					found := false
					err := leader.Executor().Read(ctx, slot.Of(key), mode.mode, func(v *executor.View) { _, found = v.Get(key) })
					if err != nil || !found {
						return fmt.Errorf("read of %s: found %v, %w", key, found, err)
					}
				}
				return nil
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
		})
	}
}

// share lets the clients divide b.N operations; next(n) takes up to n of them and returns how many are left to take.
func share(b *testing.B, client func(number int, next func(n int) int) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	next := func(n int) int { return min(n, int(left.Add(-int64(n)))+n) }
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range benchClients {
		wg.Go(func() {
			if err := client(i, next); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

// setAll writes pipelines as one connection does: submit some, wait for all of them.
func setAll(leader *shard.Replica, client, pipeline int, next func(int) int) error {
	ctx, cancel := context.WithTimeout(context.Background(), benchSpan)
	defer cancel()
	value := make([]byte, 64)
	rng := rand.New(rand.NewPCG(uint64(client), 0))
	w := executor.NewWaiter()
	for n := next(pipeline); n > 0; n = next(pipeline) {
		requests := make([]*executor.Request, n)
		for i := range requests {
			key := benchKey(rng, client, pipeline)
			requests[i] = &executor.Request{Slot: slot.Of(key), Do: func(tx *executor.Tx) { tx.Set(key, value, entry.TypeString, 0) }}
		}
		if err := leader.Executor().Submit(w, requests...); err != nil {
			return err
		}
		if err := w.Wait(ctx); err != nil {
			w.GiveUp(benchShard, requests...)
			return err
		}
		for _, r := range requests {
			if r.Err != nil {
				return r.Err
			}
		}
	}
	return nil
}

// benchKey is one of 100,000 keys, or the one that is read.
func benchKey(rng *rand.Rand, client, pipeline int) []byte {
	n := 0
	if rng != nil && client+pipeline > 1 {
		n = rng.IntN(100_000)
	}
	return fmt.Appendf(nil, "key:%012d", n)
}
