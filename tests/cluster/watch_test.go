package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/tests/cluster"
)

// watched is writers of keys that nobody else writes, each once, and somebody who watches them.
type watched struct {
	t       *testing.T
	client  *client.Client
	watcher *client.Watcher
	stop    chan struct{}
	writers sync.WaitGroup

	mu    sync.Mutex // protects the fields below
	wrote map[string]bool
	seen  map[string]int
}

func startWatched(t *testing.T, c *cluster.Cluster) *watched {
	t.Helper()
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr.GRPC)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Deadline)
	defer cancel()
	dialed, err := client.Dial(ctx, client.Config{Addrs: addrs, RetryMax: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, client: dialed, stop: make(chan struct{}), wrote: map[string]bool{}, seen: map[string]int{}}
	if w.watcher, err = dialed.Watch(ctx, client.Watch{Prefix: "watched:"}); err != nil {
		t.Fatal(err)
	}
	reading, stopReading := context.WithCancel(context.Background())
	var reader sync.WaitGroup
	reader.Go(func() { w.read(reading) })
	t.Cleanup(func() {
		w.end()
		stopReading()
		reader.Wait()
		if err := dialed.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := range 6 {
		w.writers.Go(func() { w.write(i) })
	}
	return w
}

func (w *watched) write(writer int) {
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			return
		default:
		}
		key := fmt.Sprintf("watched:%d:%d", writer, n)
		if _, err := w.client.Set(context.Background(), client.Set{Key: key, Value: []byte(key)}); err == nil {
			w.mu.Lock()
			w.wrote[key] = true
			w.mu.Unlock()
		}
	}
}

func (w *watched) read(ctx context.Context) {
	versions := map[string]uint64{}
	for {
		update, err := w.watcher.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			w.t.Errorf("the watcher: %v", err)
			return
		}
		key := string(update.Event.GetKey())
		w.mu.Lock()
		w.seen[key]++
		w.mu.Unlock()
		if update.Event.GetVersion() <= versions[key] || string(update.Event.GetValue()) != key {
			w.t.Errorf("%s: got %v behind version %d", key, update.Event, versions[key])
		}
		versions[key] = update.Event.GetVersion()
	}
}

func (w *watched) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.writers.Wait()
}

// more waits until the watcher has seen so many more writes.
func (w *watched) more(what string, writes int) {
	w.t.Helper()
	w.mu.Lock()
	want := len(w.seen) + writes
	w.mu.Unlock()
	cluster.Eventually(w.t, fmt.Sprintf("%d more writes are seen %s", writes, what), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if got := len(w.seen); got < want {
			return fmt.Errorf("%d are missing", want-got)
		}
		return nil
	})
}

// judge ends the work: every write that was acknowledged is seen, and none twice.
func (w *watched) judge() {
	w.t.Helper()
	w.end()
	cluster.Eventually(w.t, "every acknowledged write is seen", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for key := range w.wrote {
			if w.seen[key] == 0 {
				return errors.New(key + " is not")
			}
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, n := range w.seen {
		if n != 1 {
			w.t.Errorf("%s was seen %d times", key, n)
		}
	}
	w.t.Logf("%d writes", len(w.wrote))
}

// A watcher of the Go client sees every write once, though leaders are killed and slots move to another shard.
func TestWatcherSeesEveryWriteOnceWhenLeadersAreKilledAndSlotsMove(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	shards := c.ShardIDs()
	from, to := shards[0], shards[1]
	w := startWatched(t, c)
	killAndMove(t, c, from, to, w.more, func(from, _ uint64) (uint64, string) { return from, "source" })
	w.judge()
}
