package executor

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// scanAll is a whole pass through a slot.
func (b *bench) scanAll(ctx context.Context, s slot.ID) (keys []string, err error) {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var step []string
		var next uint64
		err := b.exec.Read(ctx, s, ReadLease, func(v *View) {
			step = step[:0]
			next = v.Scan(cursor, func(key []byte, item store.Item) { step = append(step, string(key)+"="+string(item.Value)) })
		})
		if err != nil {
			return nil, err
		}
		keys, cursor = append(keys, step...), next
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// A scan shows what is pending as a read does: keys that are set, not those that are deleted, and only once that is committed.
func TestScanShowsWhatIsPendingOnceItIsCommitted(t *testing.T) {
	b := newLeader(t)
	s := slot.Of([]byte("{x}"))
	if b.exec.HasKeys(s) {
		t.Error("an empty slot has keys")
	}
	for i := range 3 {
		b.set(fmt.Sprintf("{x}%d", i), "old")
	}
	b.driver.Step()
	b.commitAll()
	b.set("{x}1", "new")
	b.set("{x}3", "new")
	w, r := NewWaiter(), &Request{Slot: s, Do: func(tx *Tx) { tx.Delete([]byte("{x}0")) }}
	if err := b.exec.Submit(w, r); err != nil {
		t.Fatal(err)
	}
	b.driver.Step()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if keys, err := b.scanAll(ended, s); err == nil {
		t.Errorf("a scan did not wait for what it has seen: %v", keys)
	}
	b.commitAll()
	keys, err := b.scanAll(context.Background(), s)
	if got, want := fmt.Sprint(keys), "[{x}1=new {x}2=old {x}3=new]"; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// A key that is on its way, alone in its slot, is seen, and so is that one is about to go: a scan waits for either.
func TestScanSeesTheOnlyKeyComeAndGo(t *testing.T) {
	b := newLeader(t)
	s := slot.Of([]byte("{y}"))
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	wait := func(what string) {
		t.Helper()
		if keys, err := b.scanAll(ended, s); err == nil {
			t.Errorf("%s: a scan did not wait for it, and gave %v", what, keys)
		}
	}
	b.set("{y}", "v")
	b.driver.Step()
	if !b.exec.HasKeys(s) || b.store.Slot(s).LenLocked() != 0 {
		t.Errorf("has keys %v, stored %d", b.exec.HasKeys(s), b.store.Slot(s).LenLocked())
	}
	wait("a key that comes")
	b.commitAll()
	if keys, err := b.scanAll(context.Background(), s); fmt.Sprint(keys) != "[{y}=v]" || err != nil {
		t.Errorf("got %v, %v", keys, err)
	}
	b.submit("{y}", func(tx *Tx) { tx.Delete([]byte("{y}")) })
	b.driver.Step()
	wait("a key that goes")
	b.commitAll()
	if keys, err := b.scanAll(context.Background(), s); len(keys) != 0 || err != nil {
		t.Errorf("got %v, %v", keys, err)
	}
}

// Expired keys are left out, and deleted by the way.
func TestScanLeavesOutWhatHasExpired(t *testing.T) {
	b := newLeader(t)
	now := b.exec.clock.Now()
	s := slot.Of([]byte("{z}"))
	w, r := NewWaiter(), &Request{Slot: s, Do: func(tx *Tx) {
		tx.Set([]byte("{z}stays"), []byte("v"), entry.TypeString, 0)
		tx.Set([]byte("{z}goes"), []byte("v"), entry.TypeString, now+1000)
	}}
	if err := b.exec.Submit(w, r); err != nil {
		t.Fatal(err)
	}
	b.driver.Step()
	b.commitAll()
	b.exec.clock.Observe(now + 2000)
	var keys []string
	view := View{over: &b.exec.overlay.slots[s], slot: b.store.Slot(s), now: b.exec.clock.Now(), e: b.exec}
	view.run(func(v *View) {
		v.Scan(0, func(key []byte, _ store.Item) { keys = append(keys, string(key)) })
	})
	if fmt.Sprint(keys) != "[{z}stays]" || len(view.expired) != 1 {
		t.Errorf("got %v, expired %q", keys, view.expired)
	}
}
