package model

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// CheckHandovers is nil if slots moved as a whole between the shards whose committed entries are given: what the target began
// to serve is what the source had frozen, key by key with expiry and version, and both ended the migration alike. It says nothing of a migration of which it has one side only, as it has where entries were cut off.
func CheckHandovers(shards [][]Entry) error {
	sources, targets := map[uint64]*sideOf{}, map[uint64]*sideOf{}
	var errs []error
	for i, entries := range shards {
		if len(entries) == 0 || entries[0].Index != 1 || !slices.ContainsFunc(entries, beginsHandover) {
			continue // to apply all of it again takes its time
		}
		if err := followHandovers(entries, sources, targets); err != nil {
			errs = append(errs, fmt.Errorf("shard at place %d: %w", i, err))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		if s := sources[id]; s != nil {
			errs = append(errs, checkHandover(id, s, targets[id]))
		}
	}
	return errors.Join(errs...)
}

func beginsHandover(e Entry) bool {
	kind := entry.PeekHeader(e.Data).Kind
	return e.Command && (kind == entry.KindFreeze || kind == entry.KindImport)
}

// sideOf is what one side of a migration held when it froze the slots, or began to serve them, and how it ended.
type sideOf struct {
	keys map[string]held
	// served tells that the side served the slots after the migration, ended that it is over there.
	served, ended bool
}

// held is what a key held.
type held struct {
	value    string
	typ      entry.Type
	expireAt int64
	version  uint64
}

// followHandovers applies the entries of a shard as its replicas did, and notes what they made of migrations.
func followHandovers(entries []Entry, sources, targets map[uint64]*sideOf) (err error) {
	st := store.New()
	fsm := raftfsm.New(1, st, raftfsm.Deaf{})
	at := uint64(0)
	defer func() {
		if p := recover(); p != nil { // as on every replica
			err = violation(Illegal, "index %d cannot be applied: %v", at, p)
		}
	}()
	for _, e := range entries {
		if !e.Command {
			continue
		}
		at = e.Index
		before := fsm.State()
		fsm.Apply(&raft.Log{Index: e.Index, Term: e.Term, Type: raft.LogCommand, Data: e.Data})
		after := fsm.State()
		for _, h := range after.Handovers {
			if _, was := before.Handover(h.Migration); was {
				continue
			}
			side := &sideOf{}
			if h.Side == raftfsm.SideTarget {
				targets[h.Migration] = side
				continue
			}
			side.keys = keysIn(st, h.Ranges)
			sources[h.Migration] = side
		}
		for _, h := range before.Handovers {
			if _, is := after.Handover(h.Migration); is {
				continue
			}
			side := sources[h.Migration]
			if h.Side == raftfsm.SideTarget {
				side = targets[h.Migration]
				side.keys = keysIn(st, h.Ranges)
			}
			side.ended, side.served = true, stateOf(st, h.Ranges[0].First) == store.SlotOwned
		}
	}
	return nil
}

func stateOf(st *store.Store, id slot.ID) store.SlotState {
	sl := st.Slot(id)
	sl.RLock()
	defer sl.RUnlock()
	return sl.StateLocked()
}

func keysIn(st *store.Store, ranges []slot.Range) map[string]held {
	keys := map[string]held{}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			for key, item := range st.Slot(slot.ID(s)).AllLocked() {
				keys[string(key)] = held{string(item.Value), item.Type, item.ExpireAt, item.Version}
			}
		}
	}
	return keys
}

func checkHandover(id uint64, source, target *sideOf) error {
	switch {
	case source.ended && target.ended && source.served && target.served:
		return violation(Duplicated, "migration %d: source and target both serve the slots", id)
	case source.ended && target.ended && !source.served && !target.served:
		return violation(Lost, "migration %d: neither source nor target serves the slots", id)
	case !target.served:
		return nil
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(source.keys)) {
		want := source.keys[key]
		got, ok := target.keys[key]
		switch {
		case !ok:
			errs = append(errs, violation(Lost, "migration %d: key %s is not at the target", id, key))
		case got != want:
			errs = append(errs, violation(Diverged, "migration %d: key %s had version %d, expiry %d and %d bytes, at the target version %d, expiry %d and %d bytes",
				id, key, want.version, want.expireAt, len(want.value), got.version, got.expireAt, len(got.value)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(target.keys)) {
		if _, ok := source.keys[key]; !ok {
			errs = append(errs, violation(Resurrected, "migration %d: key %s is at the target, the source did not have it any more", id, key))
		}
	}
	return errors.Join(errs...)
}

// Merged are the effects of several shards as one log. A key whose slot moved has effects in several of them; its versions rise
// within each shard and from one to the next.
func Merged(shards [][]entry.Effect) ([]entry.Effect, error) {
	var all []entry.Effect
	for _, effects := range shards {
		versions := map[string]uint64{}
		for _, e := range effects {
			if last := versions[string(e.Key)]; e.Version <= last {
				return nil, violation(Reordered, "key %s: version %d follows version %d", e.Key, e.Version, last)
			}
			versions[string(e.Key)] = e.Version
		}
		all = append(all, effects...)
	}
	slices.SortStableFunc(all, func(a, b entry.Effect) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}
