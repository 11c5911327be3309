package raftfsm

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// setFields gives fields of a key values, each by an effect of its own.
func (r *replica) setFields(h entry.Header, key string, from, to, valueBytes int) {
	v := r.State().Version + 1
	var effects []entry.Effect
	for i := from; i < to; i++ {
		effects = append(effects, entry.Effect{
			Kind: entry.EffectSetField, Type: entry.TypeHash, Key: []byte(key), Field: fmt.Append(nil, "f", i), Value: bytes.Repeat([]byte{byte(i)}, valueBytes), Version: v,
		})
	}
	r.put(entry.AppendBatch(nil, h, &entry.Batch{Version: v, Sections: []entry.Section{{Slot: slot.Of([]byte(key)), Effects: effects}}}))
}

// fielded is a replica with a key of few fields and one of many.
func fielded() *replica {
	r := full()
	r.start(1600)
	r.setFields(r.next(1700), "few", 0, 3, 4)
	r.setFields(r.next(1800), "many", 0, 150, 1)
	return r
}

// A key with very many fields goes into snapshots in parts, of which several chunks are made, and comes back whole, also where it
// changes while the snapshot is written.
func TestManyFieldsSurviveASnapshotInParts(t *testing.T) {
	r := newReplica().owns()
	r.start(1)
	for from := 0; from < 20_000; from += 1000 {
		r.setFields(r.next(2), "many", from, from+1000, 100)
	}
	want := r.store.Digest()
	s, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	r.setFields(r.next(3), "many", 19_000, 21_000, 7)
	var sink memorySink
	if err := s.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	s.Release()
	to := restored(t, sink.Bytes())
	if got := to.store.Digest(); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
	if to.store.Len() != 1 {
		t.Errorf("%d keys, want one", to.store.Len())
	}
	if err := to.store.Check(); err != nil {
		t.Error(err)
	}
}

// A part that comes twice, or whose key differs from that of the other parts, is damage; so is a key with fields in a layout
// that knew none.
func TestPartsOfASnapshotThatDoNotFitAreRefused(t *testing.T) {
	packed := func(field string) []byte {
		return entry.AppendPacked(entry.AppendPackedLen(nil, 1), []byte(field), []byte("v"))
	}
	part := store.Item{Type: entry.TypeHash, Part: true, Value: packed("f"), Version: 3, ExpireAt: 9}
	other := func(change func(*store.Item)) store.Item {
		item := part
		item.Value = packed("g")
		change(&item)
		return item
	}
	for name, c := range map[string]struct {
		second store.Item
		layout uint32
		good   bool
	}{
		"other fields":       {other(func(*store.Item) {}), snapshotFields, true},
		"the same fields":    {part, snapshotFields, false},
		"another version":    {other(func(i *store.Item) { i.Version = 4 }), snapshotFields, false},
		"another expiry":     {other(func(i *store.Item) { i.ExpireAt = 0 }), snapshotFields, false},
		"a whole key":        {other(func(i *store.Item) { i.Part = false }), snapshotFields, false},
		"a string":           {other(func(i *store.Item) { i.Part, i.Type = false, entry.TypeString }), snapshotFields, false},
		"fields cut short":   {other(func(i *store.Item) { i.Value = i.Value[:2] }), snapshotFields, false},
		"an earlier layout":  {other(func(*store.Item) {}), snapshotResults, false},
		"an earlier layout ": {other(func(*store.Item) {}), snapshotPlain, false},
	} {
		var made chunk
		made.beginPart(slot.Of([]byte("k")))
		made.add([]byte("k"), &part)
		made.add([]byte("k"), &c.second)
		made.endPart()
		keys, err := loadChunk(store.New(), made.raw, c.layout)
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrBadSnapshot) || c.good && keys != 1 {
			t.Errorf("%s: %d keys, %v", name, keys, err)
		}
	}
}
