package migration

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// A key may change, come or go between any two portions of its slot, copied already or not.
func TestSlotThatChangesWhileItIsCopiedArrivesAsItIs(t *testing.T) {
	from, to := store.New(), store.New()
	id := slot.Of([]byte("{x}"))
	source, target := from.Slot(id), to.Slot(id)
	version := uint64(0)
	set := func(sl *store.Slot, key, value string) entry.Effect {
		version++
		e := entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), Version: version}
		sl.ApplyLocked(&e)
		return e
	}
	source.Lock()
	const keys = 1000
	for i := range keys {
		set(source, fmt.Sprintf("{x}%d", i), "before")
	}
	source.Unlock()

	q := newQueue(first, Limits{}.withDefaults())
	portions := 0
	c := copier{store: from, queue: q, throttle: &throttle{rate: func() int64 { // asked after each portion
		portions++
		source.Lock()
		defer source.Unlock()
		var effects []entry.Effect
		for i := portions % 7; i < keys; i += 7 {
			key := fmt.Sprintf("{x}%d", i)
			item, there := source.GetLocked([]byte(key))
			switch {
			case !there:
				effects = append(effects, set(source, key, "again"))
			case i%3 == 0:
				e := entry.Effect{Kind: entry.EffectDel, Reason: entry.ReasonDelete, Key: []byte(key), Version: version}
				source.ApplyLocked(&e)
				effects = append(effects, e)
			default:
				version++
				e := entry.Effect{Kind: entry.EffectPatch, Type: entry.TypeString, Key: []byte(key), Offset: uint64(len(item.Value)), Value: []byte("+"), Version: version}
				source.ApplyLocked(&e)
				effects = append(effects, e)
			}
		}
		q.EffectsLocked(id, effects)
		return 0
	}}}
	if err := c.slot(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if portions < 10 {
		t.Fatalf("%d portions", portions)
	}
	q.finish(version, 1)
	target.Lock()
	defer target.Unlock()
	for _, chunk := range q.take() {
		parts, err := entry.DecodeParts(chunk.Parts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			for _, it := range p.Items {
				target.PutLocked(it.Key, &store.Item{Value: it.Value, Type: it.Type, Access: store.Access(it.Access), ExpireAt: it.ExpireAt, Version: it.Version})
			}
			for i := range p.Effects {
				target.ApplyLocked(&p.Effects[i])
			}
		}
	}
	if got, want := target.DigestLocked(), source.DigestLocked(); got != want {
		t.Errorf("the copy has %d keys and digest %x, want %d and %x", target.LenLocked(), got, source.LenLocked(), want)
	}
}
