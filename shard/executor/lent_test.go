package executor

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// overwrite changes keys in the store as the state machine does, small ones in place, while a request is evaluated.
func (b *bench) overwrite(keys ...string) {
	for _, key := range keys {
		sl := b.store.Slot(slot.Of([]byte(key)))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte("other"), Version: 3 << 19})
		sl.Unlock()
	}
}

// The store uses the memory of a value again as soon as its slot is not locked; what a request has read must not change.
func TestValuesThatARequestHasReadStayWhileTheStoreChanges(t *testing.T) {
	b := newLeader(t)
	small, large := bytes.Repeat([]byte("s"), 5), bytes.Repeat([]byte("l"), 300_000)
	b.set("{k}small", string(small))
	b.set("{k}large", string(large))
	b.driver.Step()
	b.commitAll()
	read := b.submit("{k}", func(tx *Tx) {
		first, _ := tx.Get([]byte("{k}small"))
		second, _ := tx.Get([]byte("{k}large"))
		third, _ := tx.Get([]byte("{k}small"))
		b.overwrite("{k}small", "{k}large")
		if !bytes.Equal(first.Value, small) || !bytes.Equal(second.Value, large) || !bytes.Equal(third.Value, small) {
			t.Errorf("the values have become %.10q, %.10q, %.10q", first.Value, second.Value, third.Value)
		}
	})
	b.driver.Step()
	b.wantApplied("the read", read)
}

// An EXPIRE that is pending shows the value of before until it is applied, from memory of its own.
func TestPendingExpireKeepsTheValue(t *testing.T) {
	b := newLeader(t)
	for i := range 50 {
		b.set(fmt.Sprint("{k}", i), "value")
	}
	b.driver.Step()
	b.commitAll()
	expire := b.submit("{k}1", func(tx *Tx) { tx.Expire([]byte("{k}1"), tx.Now()+100_000) })
	b.driver.Step()
	b.overwrite("{k}1")
	read := b.submit("{k}1", func(tx *Tx) {
		if item, ok := tx.Get([]byte("{k}1")); !ok || string(item.Value) != "value" || item.ExpireAt == 0 {
			t.Errorf("pending: %q, expiry %d", item.Value, item.ExpireAt)
		}
	})
	b.driver.Step()
	b.commitAll()
	b.wantApplied("the expiry", expire)
	b.wantApplied("the read", read)
}
