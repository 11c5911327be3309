package migration

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// key is a key with its one client, who knows what it has to hold.
type key struct {
	w    *world
	name []byte
	slot slot.ID

	value    []byte
	expireAt int64
	version  uint64
	exists   bool
	writes   int
}

func (w *world) key(name string) *key {
	return &key{w: w, name: []byte(name), slot: slot.Of([]byte(name))}
}

// do evaluates fn where the key is served, following every hint. unknown tells that nobody can say whether it took effect.
func (k *key) do(fn func(*executor.Tx)) (unknown bool) {
	return k.request(func() *executor.Request { return &executor.Request{Slot: k.slot, Do: fn} })
}

// request makes one attempt after another until one may have taken effect.
func (k *key) request(attempt func() *executor.Request) (unknown bool) {
	asked := slot.ShardID(0)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Microsecond) {
		shard := asked
		if shard == 0 {
			shard = k.w.meta.newest().SlotMap().Owner(k.slot)
		}
		err := k.ask(shard, attempt())
		if err == nil {
			return false
		}
		if err.Result() == apierr.OutcomeUnknown {
			return true
		}
		if asked = 0; err.Kind == apierr.KindAsk {
			asked = err.Shard
		}
	}
	k.w.t.Errorf("key %s: not served within %v", k.name, patience)
	return true
}

// ask makes an attempt at the leader of a shard.
func (k *key) ask(shard slot.ShardID, request *executor.Request) *apierr.Error {
	r := k.w.groups[shard].led()
	if r == nil {
		return apierr.New(apierr.KindClusterDown, "nobody leads")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.exec.AwaitOwned(ctx, k.slot); err != nil {
		return apierr.Of(err)
	}
	waiter := executor.NewWaiter()
	if err := r.exec.Submit(waiter, request); err != nil {
		return apierr.Of(err)
	}
	if waiter.Wait(ctx) != nil {
		waiter.GiveUp(shard, request)
	}
	return request.Err
}

// write changes the key in one of several ways and remembers what it has to hold.
func (k *key) write() {
	k.writes++
	way, want := k.writes%5, *k
	part := fmt.Appendf(nil, "%d;", k.writes)
	unknown := k.do(func(tx *executor.Tx) {
		want = *k
		item, exists := tx.Get(k.name)
		k.check("write", item, exists)
		switch {
		case way == 3 && exists:
			tx.Delete(k.name)
			want.value, want.expireAt, want.exists = nil, 0, false
		case way == 2 && exists:
			want.expireAt = time.Now().Add(time.Hour).UnixMilli()
			tx.Expire(k.name, want.expireAt)
		case way == 1 && exists:
			want.version = tx.Patch(k.name, len(item.Value), part)
			want.value = append(slices.Clone(k.value), part...)
		default:
			want.version = tx.Set(k.name, part, entry.TypeString, 0)
			want.value, want.expireAt, want.exists = part, 0, true
		}
	})
	if want.version < k.version || want.version == k.version && !unknown && (way != 2 && way != 3) {
		k.w.t.Errorf("key %s: version %d comes after version %d", k.name, want.version, k.version)
	}
	if !unknown {
		k.value, k.expireAt, k.exists, k.version = want.value, want.expireAt, want.exists, max(k.version, want.version)
		return
	}
	// It took effect or it did not; from now on it stays at that.
	before := *k
	k.value = nil
	for k.do(func(tx *executor.Tx) {
		item, exists := tx.Get(k.name)
		got := key{value: slices.Clone(item.Value), expireAt: item.ExpireAt, exists: exists}
		if !got.same(&before) && !got.same(&want) {
			k.w.t.Errorf("key %s holds %q (%v), neither what was written before (%q) nor what may have been (%q)", k.name, got.value, exists, before.value, want.value)
		}
		k.value, k.expireAt, k.exists = got.value, got.expireAt, exists
	}) {
	}
	k.version = max(before.version, want.version)
}

func (k *key) same(other *key) bool {
	return k.exists == other.exists && string(k.value) == string(other.value) && k.expireAt == other.expireAt
}

func (k *key) check(what string, item store.Item, exists bool) {
	if exists != k.exists || exists && (string(item.Value) != string(k.value) || item.ExpireAt != k.expireAt) {
		k.w.t.Errorf("%s of key %s finds %q (there: %v, expiry %d), want %q (there: %v, expiry %d)", what, k.name, item.Value, exists, item.ExpireAt, k.value, k.exists, k.expireAt)
	}
}

// read looks at the key.
func (k *key) read() {
	for k.do(func(tx *executor.Tx) {
		item, exists := tx.Get(k.name)
		k.check("read", item, exists)
	}) {
	}
}

// load writes and reads keys until it is stopped.
type load struct {
	keys []*key
	ops  atomic.Int64
	stop atomic.Bool
	done chan struct{}
}

// load begins with a number of clients, each with its own keys.
func (w *world) load(clients, keys int) *load {
	l := &load{done: make(chan struct{})}
	ended := make(chan struct{}, clients)
	for c := range clients {
		own := make([]*key, keys)
		for i := range own {
			own[i] = w.key(fmt.Sprintf("load:%d:%d", c, i))
		}
		l.keys = append(l.keys, own...)
		count := w.counter(fmt.Sprintf("count:%d", c))
		l.keys = append(l.keys, count.key)
		w.spawn(func(context.Context) {
			defer func() { ended <- struct{}{} }()
			for i := 0; !l.stop.Load(); i++ {
				count.increment()
				own[i%len(own)].write()
				own[(i*7)%len(own)].read()
				l.ops.Add(1)
			}
		})
	}
	w.spawn(func(context.Context) {
		for range clients {
			<-ended
		}
		close(l.done)
	})
	w.t.Cleanup(func() { l.stop.Store(true) }) // before the world ends
	return l
}

// finish stops the clients and looks at every key a last time.
func (l *load) finish() {
	l.stop.Store(true)
	<-l.done
	for _, k := range l.keys {
		k.read()
	}
}
