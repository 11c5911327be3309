package executor

import (
	"context"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// usageOf asks by a read at the leader; false where there is no such key.
func (b *bench) usageOf(key string) (usage Usage, ok bool) {
	b.t.Helper()
	err := b.exec.Read(context.Background(), slot.Of([]byte(key)), ReadLease, func(v *View) { usage, ok = v.Usage([]byte(key)) })
	if err != nil {
		b.t.Fatal(err)
	}
	return usage, ok
}

// Which of the two a key's stamp says is decided by the policy of the moment.
func TestUsageIsWhatThePolicyKeeps(t *testing.T) {
	b := newLeader(t)
	minute := time.Minute.Milliseconds()
	now := (time.Now().UnixMilli()/minute + 2) * minute // the clock goes on from the beginning of a minute
	write := func(key string, stamp store.Access) {
		t.Helper()
		b.exec.clock.Observe(now)
		b.store.SetStamping(store.Stamping{New: stamp})
		set := b.set(key, "value")
		b.driver.Step()
		b.commitAll()
		b.wantApplied("set "+key, set)
	}
	write("k", store.LRU(now))
	now += minute
	b.exec.clock.Observe(now)
	usage, ok := b.usageOf("k")
	if !ok || usage.Frequency || usage.Idle.Round(10*time.Second) != time.Minute || usage.Freq != 0 {
		t.Errorf("without an LFU policy: got %+v, %v", usage, ok)
	}
	if want := b.store.UsedBytes(); usage.Bytes <= 0 || usage.Bytes > want {
		t.Errorf("the key takes %d bytes of %d", usage.Bytes, want)
	}
	b.exec.SetEviction(Eviction{Policy: VolatileLFU, LFULogFactor: 10, LFUDecayMinutes: 1})
	write("new", store.LFU{}.Initial(now))
	now += 2 * minute
	b.exec.clock.Observe(now)
	if usage, ok = b.usageOf("new"); !ok || !usage.Frequency || usage.Freq != 3 {
		t.Errorf("with an LFU policy, two minutes after a new key's 5: got %+v, %v", usage, ok)
	}
	if _, ok := b.usageOf("none"); ok {
		t.Error("a key that is not there has a usage")
	}
}

// A request sees the usage of what it, or a request before it, has written and nobody has committed.
func TestUsageOfAKeyThatIsOnItsWay(t *testing.T) {
	b := newLeader(t)
	b.exec.SetEviction(Eviction{Policy: AllKeysLFU, LFULogFactor: 10, LFUDecayMinutes: 1})
	var fresh, again Usage
	var okFresh, okAgain, okDeleted bool
	b.submit("k", func(tx *Tx) {
		tx.Set([]byte("k"), []byte("value"), entry.TypeString, 0)
		fresh, okFresh = tx.Usage([]byte("k"))
	})
	b.submit("k", func(tx *Tx) { again, okAgain = tx.Usage([]byte("k")) })
	b.submit("k", func(tx *Tx) {
		tx.Delete([]byte("k"))
		_, okDeleted = tx.Usage([]byte("k"))
		tx.Set([]byte("k"), []byte("value"), entry.TypeString, 0)
	})
	b.driver.Step()
	b.commitAll()
	if !okFresh || fresh.Freq != 5 || !okAgain || again != fresh || okDeleted {
		t.Errorf("got %+v %v, then %+v %v, deleted %v", fresh, okFresh, again, okAgain, okDeleted)
	}
	if stored, _ := b.usageOf("k"); stored.Bytes != fresh.Bytes {
		t.Errorf("on its way it takes %d bytes, in the store %d", fresh.Bytes, stored.Bytes)
	}
}

// Every replica applies the same deletions; only the one that decided on them counts them.
func TestKeysThatExpireOrAreEvictedCountWhereThatWasDecided(t *testing.T) {
	leader, follower := newLeader(t), newBench(t)
	deleted := func(tx *Tx) {
		tx.Set([]byte("{k}1"), []byte("v"), entry.TypeString, 0)
		tx.Set([]byte("{k}2"), []byte("v"), entry.TypeString, 0)
		tx.delete([]byte("{k}1"), entry.ReasonExpire)
		tx.delete([]byte("{k}2"), entry.ReasonEvict)
		tx.delete([]byte("{k}3"), entry.ReasonDelete)
	}
	leader.submit("k", deleted)
	leader.driver.Step()
	leader.commitAll()
	if got := leader.exec.Stats(); got.Expired != 1 || got.Evicted != 1 {
		t.Errorf("the leader counts %d expired and %d evicted, want 1 and 1", got.Expired, got.Evicted)
	}
	for _, record := range leader.applied {
		follower.apply(1, record)
	}
	if got := follower.stored("{k}1"); got != "" || follower.fsm.State().Sequence != leader.fsm.State().Sequence {
		t.Fatalf("the follower did not apply what the leader did: %q", got)
	}
	if got := follower.exec.Stats(); got.Expired != 0 || got.Evicted != 0 {
		t.Errorf("the follower counts %d expired and %d evicted, want none", got.Expired, got.Evicted)
	}
}
