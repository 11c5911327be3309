package model

import (
	"errors"
	"slices"
	"strings"

	"github.com/holtcache/holt/raftfsm/entry"
)

// CheckLogged is nil if the effects that a shard's log applies (Base.Applied) are those of a history: every acknowledged element
// and id is in it exactly once, no refused one is, and what the effects leave in a key is what the final read of it saw.
// Versions rise for each key. before is for what the effects begin behind: a key that may be evicted may have come and gone there.
func CheckLogged(ops []Op, effects []entry.Effect, before Before) error {
	byKeys := map[string][]entry.Effect{}
	for _, e := range effects {
		byKeys[string(e.Key)] = append(byKeys[string(e.Key)], e)
	}
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		if !slices.ContainsFunc(split[key], func(o Op) bool { return o.Kind.Writes() }) {
			continue
		}
		value, found, err := replay(byKeys[key])
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case isList(split[key]):
			errs = append(errs, checkLoggedIDs(split[key], value))
		case before == MayHaveGone && len(byKeys[key]) == 0: // it came and went
		case writtenOnce(split[key]):
			errs = append(errs, checkLoggedElement(split[key], byKeys[key]))
		}
		errs = append(errs, checkFinal(split[key], value, found))
	}
	return errors.Join(errs...)
}

// Before tells what may have become of keys before the first of the effects.
type Before uint8

const (
	// NothingBefore: the effects begin with the shard, or no key goes but by an operation.
	NothingBefore Before = iota
	// MayHaveGone: the effects begin with a snapshot, and keys that were evicted before it are in neither.
	MayHaveGone
)

// replay is what the effects leave in one key.
func replay(effects []entry.Effect) (value string, found bool, err error) {
	var version uint64
	for _, e := range effects {
		if e.Version <= version {
			return "", false, violation(Reordered, "key %s: version %d follows version %d", e.Key, e.Version, version)
		}
		version = e.Version
		switch e.Kind {
		case entry.EffectSet:
			value, found = string(e.Value), true
		case entry.EffectPatch:
			value, found = string(entry.Patched([]byte(value), int(e.Offset), e.Value)), true
		case entry.EffectDel:
			value, found = "", false
		}
	}
	return value, found, nil
}

func checkLoggedIDs(ops []Op, list string) error {
	count := map[string]int{}
	for id := range strings.SplitAfterSeq(list, ",") {
		count[id]++
	}
	var errs []error
	for _, o := range ops {
		if o.Kind == Append {
			errs = append(errs, checkTimes(o, count[o.Arg]))
		}
	}
	return errors.Join(errs...)
}

// writtenOnce tells whether the key is an element: one Set without an expiry is all that writes it.
func writtenOnce(ops []Op) bool {
	writes := 0
	for _, o := range ops {
		if o.Kind.Writes() && (o.Kind != Set || o.TTL != 0) {
			return false
		}
		if o.Kind.Writes() {
			writes++
		}
	}
	return writes == 1
}

func checkLoggedElement(ops []Op, effects []entry.Effect) error {
	times := 0
	for _, e := range effects {
		if e.Kind == entry.EffectSet {
			times++
		}
	}
	for _, o := range ops {
		if o.Kind == Set {
			return checkTimes(o, times)
		}
	}
	return nil
}

func checkTimes(o Op, times int) error {
	switch {
	case times > 1:
		return violation(Duplicated, "the log holds it %d times: %s", times, o)
	case times == 0 && o.Outcome == OK:
		return violation(Lost, "the log does not hold an acknowledged write: %s", o)
	case times == 1 && o.Outcome == NotApplied:
		return violation(Invented, "the log holds a refused write: %s", o)
	}
	return nil
}

// checkFinal compares with the last read, unless something may have changed the key since: a write that may still take
// effect, or the clock.
func checkFinal(ops []Op, value string, found bool) error {
	var last Op
	for _, o := range ops {
		if o.Kind.Writes() && o.Outcome == Unknown || o.TTL != 0 {
			return nil
		}
		if (o.Kind == Get || o.Kind == GetTwins) && o.Outcome == OK && !o.Stale && o.Call >= last.Call {
			last = o
		}
	}
	for _, o := range ops {
		if o.Kind.Writes() && o.Outcome == OK && o.Return > last.Call {
			return nil
		}
	}
	if last.Outcome == OK && (last.Found != found || last.Value != value) {
		return violation(Diverged, "the log leaves %q (there: %v) in the key: %s", value, found, last)
	}
	return nil
}
