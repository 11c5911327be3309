package executor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/feed"
)

// worldLog is the log of an evictWorld as a feed reads it.
type worldLog struct{ w *evictWorld }

func (l worldLog) Applied() uint64 { return l.w.index }
func (l worldLog) First() uint64   { return 1 }
func (l worldLog) Entry(index uint64) (uint64, []byte, error) {
	e := l.w.log[index-1]
	return e.term, slices.Clone(e.record), nil
}

// replayed is what somebody has who does what he is told of changes, and nothing else.
type replayed map[string]*replayedKey

type replayedKey struct {
	value    string
	fields   map[string]string // nil for a string
	expireAt int64
	version  uint64
}

func (m replayed) follow(c *feed.Change) error {
	if c.Kind == feed.Emptied {
		maps.DeleteFunc(m, func(key string, _ *replayedKey) bool {
			return slices.ContainsFunc(c.Slots, func(r slot.Range) bool { return r.Contains(slot.Of([]byte(key))) })
		})
		return nil
	}
	e := c.Effect
	key, now := string(e.Key), m[string(e.Key)]
	if now == nil && e.Kind != entry.EffectSet && e.Kind != entry.EffectSetField && e.Kind != entry.EffectDel {
		return fmt.Errorf("%s: a change of kind %d, and there is no such key", key, e.Kind)
	}
	switch e.Kind {
	case entry.EffectSet:
		now = &replayedKey{value: string(e.Value), expireAt: e.ExpireAt}
		if e.Type.HasFields() {
			now.value, now.fields = "", unpacked(e.Value)
		}
		m[key] = now
	case entry.EffectPatch:
		now.value = string(entry.Patched([]byte(now.value), int(e.Offset), e.Value))
	case entry.EffectDel:
		delete(m, key)
		return nil
	case entry.EffectExpire:
		now.expireAt = e.ExpireAt
	case entry.EffectSetField:
		if now == nil {
			now = &replayedKey{fields: map[string]string{}}
			m[key] = now
		}
		now.fields[string(e.Field)] = string(e.Value)
	case entry.EffectDelField:
		delete(now.fields, string(e.Field))
	}
	now.version = max(now.version, e.Version)
	return nil
}

func unpacked(value []byte) map[string]string {
	fields := map[string]string{}
	for f := range entry.Packed(value).Entries() {
		fields[string(f.Name)] = string(f.Value)
	}
	return fields
}

// differs tells in what somebody else holds something else.
func (m replayed) differs(have replayed) string {
	for key, h := range have {
		want := m[key]
		if want == nil || want.value != h.value || !maps.Equal(want.fields, h.fields) || want.expireAt != h.expireAt || want.version != h.version {
			return fmt.Sprintf("%s: the store has %+v, the watcher %+v", key, h, want)
		}
	}
	if len(have) != len(m) {
		return fmt.Sprintf("the store has %d keys, the watcher %d", len(have), len(m))
	}
	return ""
}

// change asks for something at random that evictWorld's own writes have not: hashes, expiry, emptied slots.
func (w *evictWorld) change() {
	b, r := w.benches[w.leader], w.r
	key := fmt.Sprint("{", r.IntN(4), "}", r.IntN(6))
	k, kind, field, value := []byte(key), r.IntN(40), fmt.Appendf(nil, "f%d", r.IntN(12)), fmt.Appendf(nil, "%d", r.Uint32())
	expireAt := b.exec.Now() + r.Int64N(4)
	w.asked = append(w.asked, b.submit(key, func(tx *Tx) {
		typ, exists := tx.Kind(k) // deletes it where it has expired
		switch {
		case kind == 0:
			tx.Flush([]slot.Range{{First: slot.Of(k), Last: slot.Of(k)}})
		case kind < 4:
			tx.Delete(k)
		case kind < 8:
			tx.Expire(k, expireAt)
		case kind < 10:
			tx.Set(k, value, entry.TypeString, expireAt)
		case kind < 12:
			tx.Set(k, packFields(map[string]string{"a": "1", string(field): string(value)}), entry.TypeHash, 0)
		case exists && typ == entry.TypeString:
			tx.Patch(k, 3, value)
		case kind < 30:
			tx.SetField(k, entry.TypeHash, field, value)
		case exists:
			tx.DeleteField(k, field)
		}
	}))
}

// closed interrupts a reader that would have to wait.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// readSome reads until the log ends or there was something, and follows it.
func (w *evictWorld) readSome(r *feed.Reader, m replayed, kinds map[string]int, sizeBytes int) {
	w.t.Helper()
	changes, err := r.Next(context.Background(), closed, sizeBytes)
	if err != nil && !errors.Is(err, feed.ErrInterrupted) {
		w.t.Fatal(err)
	}
	for i := range changes {
		if err := m.follow(&changes[i]); err != nil {
			w.t.Error(err)
		}
		kinds[kindOf(&changes[i])]++
	}
}

func kindOf(c *feed.Change) string {
	switch {
	case c.Kind == feed.Emptied:
		return "emptied"
	case c.Effect.OnField():
		return "field"
	case c.Effect.Kind == entry.EffectDel:
		return map[entry.Reason]string{entry.ReasonDelete: "delete", entry.ReasonExpire: "expire", entry.ReasonEvict: "evict"}[c.Effect.Reason]
	}
	return map[entry.EffectKind]string{entry.EffectSet: "set", entry.EffectPatch: "patch", entry.EffectExpire: "expiry"}[c.Effect.Kind]
}

// moveOn ends a reader, whose token goes on at another replica.
func (w *evictWorld) moveOn(r *feed.Reader, to *feed.Feed, s feed.Selection) *feed.Reader {
	w.t.Helper()
	p, err := feed.ParseToken(r.Position().Token())
	if err != nil {
		w.t.Fatal(err)
	}
	r.Close()
	next, err := to.Resume(p, s)
	if err != nil {
		w.t.Fatal(err)
	}
	return next
}

// held is what a replica's store holds.
func (w *evictWorld) held(replica int) replayed {
	m := replayed{}
	st := w.benches[replica].store
	for id := range slot.ID(slot.Count) {
		sl := st.Slot(id)
		sl.RLock()
		for key, item := range sl.AllLocked() {
			k := &replayedKey{value: string(item.Value), expireAt: item.ExpireAt, version: item.Version}
			if item.Type.HasFields() {
				k.value, k.fields = "", unpacked(item.Value)
			}
			m[string(key)] = k
		}
		sl.RUnlock()
	}
	return m
}

// Writes of every kind, expiry, eviction, emptied slots, lost batches and changes of leader at random: somebody who watches, now at
// one replica and now at another, holds in the end what the store holds, and one who begins in the middle with a version misses
// nothing behind it.
func TestWatcherHoldsWhatTheStoreHolds(t *testing.T) {
	seeds := uint64(4)
	if raceEnabled {
		seeds = 1
	}
	for seed := range seeds {
		w := newEvictWorld(t, seed, AllKeysLRU)
		w.model = nil
		all := feed.Selection{Slots: []slot.Range{{First: 0, Last: slot.Count - 1}}}
		var feeds []*feed.Feed
		for range w.benches {
			feeds = append(feeds, feed.New(worldLog{w}))
		}
		followers, kinds := []replayed{{}, {}}, map[string]int{}
		readers := []*feed.Reader{feeds[0].From(feed.Position{}, all), nil}
		for step := range 4000 {
			if w.r.IntN(3) == 0 {
				w.change()
			} else {
				w.act()
			}
			if step == 2000 { // the second one begins here, with what the store holds
				followers[1] = w.held(w.leader)
				st := w.benches[w.leader].fsm.State()
				readers[1] = feeds[1].From(feed.Position{Index: st.Applied, Term: st.AppliedTerm, Incarnation: st.Incarnation, Sequence: st.Sequence, Version: st.Version}, all)
			}
			for i, r := range readers {
				if r == nil || w.r.IntN(4) > 0 {
					continue
				}
				w.readSome(r, followers[i], kinds, 1+w.r.IntN(2000))
				if w.r.IntN(20) == 0 {
					readers[i] = w.moveOn(r, feeds[w.r.IntN(len(feeds))], all)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		for range 1000 {
			w.stepFollowers()
			w.benches[w.leader].driver.Step()
			if len(w.benches[w.leader].proposed) == 0 {
				break
			}
			w.commitAll()
		}
		for i, r := range readers {
			for r.Position().Index < w.index {
				w.readSome(r, followers[i], kinds, 1<<20)
			}
			r.Close()
			for j := range w.benches {
				if d := followers[i].differs(w.held(j)); d != "" {
					t.Fatalf("seed %d: watcher %d, replica %d: %s", seed, i, j, d)
				}
			}
		}
		for _, kind := range []string{"set", "patch", "field", "expire", "evict", "delete", "emptied"} {
			if kinds[kind] == 0 {
				t.Errorf("seed %d: nothing of kind %s was seen: %v", seed, kind, kinds)
			}
		}
	}
}
