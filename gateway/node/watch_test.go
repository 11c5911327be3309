package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/client"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

func goClient(t *testing.T, nodes []*Node) *client.Client {
	t.Helper()
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.Addresses().GRPC)
	}
	c, err := client.Dial(t.Context(), client.Config{Addrs: addrs, RetryMax: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func watch(t *testing.T, c *client.Client, w client.Watch) *client.Watcher {
	t.Helper()
	watcher, err := c.Watch(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watcher.Close() })
	return watcher
}

// next returns the next event.
func next(t *testing.T, w *client.Watcher) *client.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		update, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if update.Event != nil {
			return update.Event
		}
	}
}

func wantEvent(t *testing.T, w *client.Watcher, kind, key, value string) *client.Event {
	t.Helper()
	e := next(t, w)
	if got := e.GetKind().String(); got != "WATCH_EVENT_KIND_"+kind || string(e.GetKey()) != key || string(e.GetValue()) != value {
		t.Fatalf("got %v, want %s %s %q", e, kind, key, value)
	}
	return e
}

func TestWatcherSeesEachKindOfChange(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	c, r := goClient(t, nodes), clientOf(t, nodes)
	w, other := watch(t, c, client.Watch{Prefix: "k"}), watch(t, c, client.Watch{Key: "k2"})
	bare := watch(t, c, client.Watch{Prefix: "k", OmitValues: true})
	do := func(args ...any) {
		t.Helper()
		if err := r.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	first, err := c.Set(t.Context(), client.Set{Key: "k1", Value: []byte("one"), TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if e := wantEvent(t, w, "SET", "k1", "one"); e.GetVersion() != first.Version || e.GetExpireAtMs() == 0 || e.GetType() != cachev1.ValueType_VALUE_TYPE_STRING {
		t.Errorf("got %v, want version %d", e, first.Version)
	}
	if e := wantEvent(t, bare, "SET", "k1", ""); e.GetVersion() != first.Version {
		t.Errorf("got %v", e)
	}
	do("persist", "k1")
	if e := wantEvent(t, w, "EXPIRY", "k1", ""); e.GetExpireAtMs() != 0 {
		t.Errorf("got %v", e)
	}
	do("set", "other", "1")
	do("hset", "k2", "f", "v")
	if e := wantEvent(t, w, "SET_FIELD", "k2", "v"); string(e.GetField()) != "f" || e.GetType() != cachev1.ValueType_VALUE_TYPE_HASH {
		t.Errorf("got %v", e)
	}
	do("hdel", "k2", "f")
	wantEvent(t, w, "DELETE", "k2", "")
	wantEvent(t, other, "SET_FIELD", "k2", "v")
	wantEvent(t, other, "DELETE", "k2", "")
	do("set", "k3", "x", "px", "20")
	wantEvent(t, w, "SET", "k3", "x")
	wantEvent(t, w, "EXPIRE", "k3", "")
	do("flushall")
	if e := next(t, w); e.GetKind() != cachev1.WatchEventKind_WATCH_EVENT_KIND_FLUSH || len(e.GetSlots()) == 0 {
		t.Errorf("got %v", e)
	}
	// From a version on, and from a token on.
	one, err := c.Set(t.Context(), client.Set{Key: "k1", Value: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	do("set", "k1", "2")
	wantEvent(t, w, "SET", "k1", "1")
	token := w.Token()
	from := watch(t, c, client.Watch{Key: "k1", AfterVersion: one.Version})
	wantEvent(t, from, "SET", "k1", "2")
	wantEvent(t, watch(t, c, client.Watch{Prefix: "k", From: token}), "SET", "k1", "2")
	_, err = c.Watch(t.Context(), client.Watch{Prefix: "k", From: []byte("nonsense")})
	if err == nil {
		t.Error("a token that is none is taken")
	}
	progress := watch(t, c, client.Watch{Key: "k1", Progress: 10 * time.Millisecond})
	if update, err := progress.Next(t.Context()); err != nil || update.Event != nil || update.Version < one.Version {
		t.Errorf("got %v, %v; want how far the watch is, behind version %d", update, err, one.Version)
	}
	ancient, err := c.Watch(t.Context(), client.Watch{Key: "k1", AfterVersion: 1})
	if err == nil {
		defer ancient.Close()
		_, err = ancient.Next(t.Context())
	}
	if err != nil && !errors.As(err, new(*client.CompactedError)) { // the log may still be whole
		t.Error(err)
	}
}

// writing writes keys that nobody else writes, one after another.
type writing struct {
	c    *client.Client
	stop atomic.Bool
	wg   sync.WaitGroup
	mu   sync.Mutex
	done map[string]bool
}

func startWriting(c *client.Client, writers int) *writing {
	w := &writing{c: c, done: map[string]bool{}}
	for i := range writers {
		w.wg.Go(func() {
			for n := 0; !w.stop.Load(); n++ {
				key := fmt.Sprintf("w:%d:%d", i, n)
				if _, err := c.Set(context.Background(), client.Set{Key: key, Value: []byte(key)}); err == nil {
					w.mu.Lock()
					w.done[key] = true
					w.mu.Unlock()
				}
			}
		})
	}
	return w
}

func (w *writing) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.done)
}

func (w *writing) end() map[string]bool {
	w.stop.Store(true)
	w.wg.Wait()
	return w.done
}

// Slots move to another shard and back, leaders change, and the watcher is replaced by another one from its token: each write is seen
// once.
func TestWatcherSeesEveryWriteOnceWhileSlotsAndLeadersMove(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := goClient(t, nodes)
	w := watch(t, c, client.Watch{Prefix: "w:"})
	load := startWriting(c, 4)
	defer load.end()
	seen := map[string]int{}
	reading, stopReading := context.WithCancel(t.Context())
	defer stopReading()
	var reader sync.WaitGroup
	read := func() {
		reader.Go(func() {
			for {
				update, err := w.Next(reading)
				if err != nil {
					if reading.Err() == nil {
						t.Error(err)
					}
					return
				}
				if update.Event != nil {
					seen[string(update.Event.GetKey())]++
				}
			}
		})
	}
	read()
	state := nodes[0].host.Load().State()
	from, to := state.Shards()[0], state.Shards()[1]
	half := []slot.Range{{First: from.Ranges[0].First, Last: from.Ranges[0].First + 999}}
	for i, move := range [][2]slot.ShardID{{from.ID, to.ID}, {to.ID, from.ID}} {
		await(t, "there are writes", func() bool { return load.count() >= 30*(i+1) })
		if m := migrationEnded(t, nodes, startMigration(t, nodes[2], move[0], move[1], half)); m.Phase != meta.MigrationCommitted {
			t.Fatalf("the migration is %v: %s", m.Phase, m.Reason)
		}
		for _, n := range nodes {
			if r, ok := n.host.Load().Replica(move[1]); ok && r.Transfer(t.Context(), "") == nil {
				break
			}
		}
		stopReading()
		reader.Wait()
		token := w.Token()
		w.Close()
		w = watch(t, c, client.Watch{Prefix: "w:", From: token})
		reading, stopReading = context.WithCancel(t.Context())
		read()
	}
	written := load.end()
	if _, err := c.Set(t.Context(), client.Set{Key: "w:last", Value: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	missing := func() (n int) {
		for key := range written {
			if seen[key] != 1 {
				n++
			}
		}
		return n
	}
	// All that was acknowledged is on its way to the watcher: it is enough to go on reading.
	stopReading()
	reader.Wait()
	for missing() > 0 {
		seen[string(next(t, w).GetKey())]++
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", key, n)
		}
	}
}
