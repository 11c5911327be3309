package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/migration"
)

// startMigration begins to move slots.
func startMigration(t *testing.T, n *Node, from, to slot.ShardID, ranges []slot.Range) uint64 {
	t.Helper()
	h := n.host.Load()
	await(t, "both shards have formed", func() bool { // they serve before
		source, _ := h.State().Shard(from)
		target, _ := h.State().Shard(to)
		return source.Phase == meta.ShardFormed && target.Phase == meta.ShardFormed
	})
	for {
		state := h.State()
		result, err := h.Propose(t.Context(), &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
			ExpectedEpoch: state.Epoch(), StartedMs: time.Now().UnixMilli(),
			Migrations: []*storagev1.NewMigration{{From: uint64(from), To: uint64(to), Ranges: meta.RangesProto(ranges)}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		if result.Err == nil {
			return result.Migrations[0]
		}
		if result.Epoch == state.Epoch() {
			t.Fatal(result.Err)
		}
	}
}

// migrationEnded waits until every node knows that a migration has ended, and returns it.
func migrationEnded(t *testing.T, nodes []*Node, id uint64) (ended meta.Migration) {
	t.Helper()
	await(t, fmt.Sprintf("migration %d has ended", id), func() bool {
		for _, n := range nodes {
			i := slices.IndexFunc(n.host.Load().State().EndedMigrations(), func(m meta.Migration) bool { return m.ID == id })
			if i < 0 {
				return false
			}
			ended = n.host.Load().State().EndedMigrations()[i]
		}
		return true
	})
	return ended
}

// retried runs a command until it succeeds; what may or may not have taken effect ends it too.
func retried(t *testing.T, ctx context.Context, run func() error) (unknown bool) {
	for ctx.Err() == nil {
		err := run()
		switch {
		case err == nil || err == redis.Nil:
			return false
		case strings.HasPrefix(err.Error(), "UNKNOWN"):
			return true
		}
	}
	return true
}

// counter is a key that one client counts up.
type counter struct {
	key            string
	acked, unknown int
}

func TestSlotsMoveBetweenShardsUnderLoad(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	c := clientOf(t, nodes)
	for i := range 500 {
		set(t, c, fmt.Sprint("k", i), i)
		retried(t, t.Context(), func() error { return c.PExpire(t.Context(), fmt.Sprint("k", i), time.Duration(i+100)*time.Hour).Err() })
	}
	state := nodes[0].host.Load().State()
	from, to := state.Shards()[0], state.Shards()[1]

	var stop atomic.Bool
	var running sync.WaitGroup
	counters := make([]counter, 60)
	for i := range counters {
		counters[i].key = fmt.Sprintf("counter:%d", i)
	}
	for w := range 4 {
		running.Go(func() {
			for i := w; !stop.Load(); i = (i + 4) % len(counters) {
				if retried(t, t.Context(), func() error { return c.Incr(t.Context(), counters[i].key).Err() }) {
					counters[i].unknown++
				} else {
					counters[i].acked++
				}
			}
		})
	}
	// What moves away comes back, and all of a shard may go.
	for _, move := range []struct {
		from, to slot.ShardID
		ranges   []slot.Range
	}{
		{from.ID, to.ID, from.Ranges}, {to.ID, from.ID, from.Ranges},
	} {
		if m := migrationEnded(t, nodes, startMigration(t, nodes[2], move.from, move.to, move.ranges)); m.Phase != meta.MigrationCommitted {
			t.Fatalf("the migration is %v: %s", m.Phase, m.Reason)
		}
		for _, n := range nodes {
			r, _ := n.host.Load().Replica(move.from)
			await(t, "the source has let go of the keys", func() bool {
				left := 0
				for _, rg := range move.ranges {
					for s := int(rg.First); s <= int(rg.Last); s++ {
						left += keysInSlot(r, slot.ID(s))
					}
				}
				return left == 0
			})
		}
	}
	stop.Store(true)
	running.Wait()
	for _, k := range counters {
		var got int
		retried(t, t.Context(), func() (err error) {
			got, err = c.Get(t.Context(), k.key).Int()
			return err
		})
		if got < k.acked || got > k.acked+k.unknown || k.acked == 0 {
			t.Errorf("%s is %d; %d increments were acknowledged, of %d nobody knows", k.key, got, k.acked, k.unknown)
		}
	}
	for i := range 500 {
		key := fmt.Sprint("k", i)
		var got int
		var ttl time.Duration
		retried(t, t.Context(), func() (err error) {
			if got, err = c.Get(t.Context(), key).Int(); err == nil {
				ttl, err = c.PTTL(t.Context(), key).Result()
			}
			return err
		})
		if want := time.Duration(i+100) * time.Hour; got != i || ttl > want || ttl < want-time.Hour {
			t.Errorf("%s is %d with %v to live, want %d with %v", key, got, ttl, i, want)
		}
	}
}

func TestEveryNodeTellsHowFarMigrationsHaveCome(t *testing.T) {
	t.Parallel()
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	nodes := openCluster(t, 3, func(cfg *Config) {
		cfg.MigrationStep = func(step string) {
			if step == string(migration.StepBeforeFreeze) {
				once.Do(func() { close(reached) })
				<-goOn
			}
		}
	})
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	c := clientOf(t, nodes)
	state := nodes[0].host.Load().State()
	from, to := state.Shards()[0], state.Shards()[1]
	keys := uint64(0)
	for i := range 100 {
		key := fmt.Sprint("k", i)
		set(t, c, key, i)
		if state.SlotMap().Owner(slot.Of([]byte(key))) == from.ID {
			keys++
		}
	}
	id := startMigration(t, nodes[0], from.ID, to.ID, from.Ranges)
	<-reached
	for _, n := range nodes {
		var source, target migration.Progress
		await(t, "both sides tell", func() bool {
			source, target = migration.Progress{}, migration.Progress{}
			for _, p := range n.migrations(t.Context(), n.host.Load()) {
				if p.Side == raftfsm.SideSource {
					source = p
				} else {
					target = p
				}
			}
			return source.Migration == id && target.Migration == id && source.BytesWaiting == 0
		})
		want := 0
		for _, r := range from.Ranges {
			want += r.Len()
		}
		if source.Stage != migration.StageCatchingUp || source.KeysCopied != keys || source.Keys != keys || source.SlotsCopied != want || source.Slots != want || source.BytesArrived == 0 || source.From != from.ID || source.To != to.ID || !slices.Equal(source.Ranges, from.Ranges) {
			t.Errorf("node %s tells of the source %+v, want %d keys of %d slots %v copied from %d to %d", n.ID()[:8], source, keys, want, from.Ranges, from.ID, to.ID)
		}
	}
	release()
	if m := migrationEnded(t, nodes, id); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
	for _, n := range nodes {
		await(t, "nothing is told any more", func() bool { return len(n.migrations(t.Context(), n.host.Load())) == 0 })
	}
}

// moveLeader hands a shard to another of its replicas.
func moveLeader(t *testing.T, nodes []*Node, id slot.ShardID) {
	for _, n := range nodes {
		if r, ok := n.host.Load().Replica(id); ok {
			if _, serving := r.Executor().Serving(); serving {
				if err := r.Transfer(t.Context(), ""); err != nil {
					t.Errorf("shard %d: %v", id, err)
				}
				return
			}
		}
	}
	t.Errorf("shard %d: nobody serves", id)
}

func TestMigrationsGoOnWhenLeadersMoveAndEndWhenTheyAreCancelled(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	hooks := map[string]func(){}
	nodes := openCluster(t, 3, func(cfg *Config) {
		cfg.MigrationStep = func(step string) {
			mu.Lock()
			hook := hooks[step]
			delete(hooks, step)
			mu.Unlock()
			if hook != nil {
				hook()
			}
		}
	})
	c := clientOf(t, nodes)
	for i := range 300 {
		set(t, c, fmt.Sprint("k", i), i)
	}
	state := nodes[0].host.Load().State()
	from, to, ranges := state.Shards()[0].ID, state.Shards()[1].ID, state.Shards()[0].Ranges
	// attempt is that of the source when a step is taken.
	attempt := func() (a entry.Attempt) {
		for _, n := range nodes {
			for _, p := range n.host.Load().MigrationsHere() {
				if p.Side == raftfsm.SideSource {
					a = p.Attempt
				}
			}
		}
		return a
	}
	for _, c := range []struct {
		what string
		step migration.Step
		do   func(id uint64)
		want meta.MigrationPhase
		same bool // the attempt that ran then is the one that was committed
	}{
		{"the target's leader moves", migration.StepCopied, func(uint64) { moveLeader(t, nodes, to) }, meta.MigrationCommitted, true},
		{"the source's leader moves", migration.StepCopied, func(uint64) { moveLeader(t, nodes, from) }, meta.MigrationCommitted, false},
		{"it is cancelled while it copies", migration.StepCopied, func(id uint64) { cancelMigration(t, nodes[0], id) }, meta.MigrationAborted, false},
		{"it is cancelled when its slots are frozen", migration.StepFrozen, func(id uint64) { cancelMigration(t, nodes[0], id) }, meta.MigrationAborted, false},
	} {
		started, before := make(chan uint64, 1), make(chan entry.Attempt, 1)
		mu.Lock()
		hooks[string(c.step)] = func() {
			before <- attempt()
			c.do(<-started)
		}
		mu.Unlock()
		id := startMigration(t, nodes[1], from, to, ranges)
		started <- id
		m := migrationEnded(t, nodes, id)
		if m.Phase != c.want {
			t.Errorf("%s: the migration is %v: %s", c.what, m.Phase, m.Reason)
		}
		if m.Phase != meta.MigrationCommitted {
			continue
		}
		final := entry.Attempt{Incarnation: m.Final.Incarnation, Counter: m.Final.Counter}
		if ran := <-before; (final == ran) != c.same {
			t.Errorf("%s: attempt %v ran, %v was committed", c.what, ran, final)
		}
		from, to = to, from
	}
	for i := range 300 {
		key := fmt.Sprint("k", i)
		var got int
		retried(t, t.Context(), func() (err error) {
			got, err = c.Get(t.Context(), key).Int()
			return err
		})
		if got != i {
			t.Errorf("%s is %d, want %d", key, got, i)
		}
	}
}

func cancelMigration(t *testing.T, n *Node, id uint64) {
	result, err := n.host.Load().Propose(t.Context(), meta.AbortMigration(id, "cancelled"))
	if err != nil || result.Err != nil {
		t.Errorf("cancel migration %d: %v, %v", id, err, result.Err)
	}
}
