package model

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// logOf makes the log of a shard, one record after another.
type logOf struct {
	entries  []Entry
	sequence uint64
}

func newLogOf(slots ...slot.Range) *logOf {
	l := &logOf{entries: []Entry{start(1, 1)}}
	if len(slots) > 0 {
		l.add(entry.EncodeOwn(l.next(), slots))
	}
	return l
}

func (l *logOf) next() entry.Header {
	l.sequence++
	return entry.Header{Incarnation: 1, Sequence: l.sequence, Time: 1}
}

func (l *logOf) add(record []byte) {
	l.entries = append(l.entries, Entry{Index: uint64(len(l.entries) + 1), Term: 1, Command: true, Data: record})
}

func (l *logOf) set(key, value string, version uint64) {
	b := batch(0, 1, 1, l.next().Sequence, version, key, value)
	l.add(b.Data)
}

func TestCheckOfHandOversFindsWhatGotLostOnTheWay(t *testing.T) {
	all := slot.Range{Last: slot.Count - 1}
	k := slot.Of([]byte("k"))
	only := []slot.Range{{First: k, Last: k}}
	at := func(key, value string, version uint64, expireAt int64) entry.Item {
		return entry.Item{Key: []byte(key), Value: []byte(value), Type: entry.TypeString, Version: version, ExpireAt: expireAt}
	}
	drop := func(l *logOf) { l.add(entry.EncodeDrop(l.next(), entry.Drop{Migration: 3})) }
	unfreeze := func(l *logOf) { l.add(entry.EncodeUnfreeze(l.next(), entry.Unfreeze{Migration: 3})) }
	activate := func(l *logOf) { l.add(entry.EncodeActivate(l.next(), entry.Activate{Migration: 3})) }
	discard := func(l *logOf) { l.add(entry.EncodeDiscard(l.next(), entry.Discard{Migration: 3})) }
	nothing := func(*logOf) {}
	whole := []entry.Item{at("k", "v", 5, 0), at("{k}2", "w", 6, 0)}
	for _, c := range []struct {
		name   string
		items  []entry.Item
		source func(*logOf)
		target func(*logOf)
		class  Class
	}{
		{"a whole hand-over", whole, drop, activate, 0},
		{"one that is under way", nil, nothing, nothing, 0},
		{"one that is not over at the source", whole, nothing, activate, 0},
		{"one that was aborted", whole[:1], unfreeze, discard, 0},
		{"a lost key", whole[:1], drop, activate, Lost},
		{"a lost key, before the source has dropped it", whole[:1], nothing, activate, Lost},
		{"a key that was deleted", append(whole[:2:2], at("{k}3", "x", 4, 0)), drop, activate, Resurrected},
		{"an older value", []entry.Item{at("k", "u", 4, 0), whole[1]}, drop, activate, Diverged},
		{"a lost expiry", []entry.Item{at("k", "v", 5, 99), whole[1]}, drop, activate, Diverged},
		{"two owners", whole, unfreeze, activate, Duplicated},
		{"no owner", whole, drop, discard, Lost},
		{"a write to a frozen slot", whole, func(l *logOf) { l.set("k", "late", 9) }, activate, Illegal},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, d := newLogOf(all), newLogOf()
			s.set("k", "v", 5)
			s.set("{k}2", "w", 6)
			d.add(entry.EncodeImport(d.next(), entry.Import{Migration: 3, From: 1, Ranges: only}))
			s.add(entry.EncodeFreeze(s.next(), entry.Freeze{Migration: 3, To: 2, Ranges: only}))
			d.add(entry.EncodeChunk(d.next(), entry.Chunk{Migration: 3, Attempt: entry.Attempt{Incarnation: 1, Counter: 1}, Final: true, Version: 6, Parts: []entry.Part{{Slot: k, Items: c.items}}}))
			c.source(s)
			c.target(d)
			found := Violations(CheckHandovers([][]Entry{s.entries, d.entries}))
			switch {
			case c.class == 0 && len(found) > 0:
				t.Errorf("refused: %v", found)
			case c.class != 0 && (len(found) != 1 || found[0].Class != c.class):
				t.Errorf("got %v, want %v", found, c.class)
			}
			if found := Violations(CheckHandovers([][]Entry{d.entries})); len(found) > 0 {
				t.Errorf("the target alone is refused: %v", found)
			}
		})
	}
}

// A key that moved to a shard and back has its effects in two logs; which shard comes first does not matter.
func TestEffectsOfAMovedKeyAreInTheOrderOfItsVersions(t *testing.T) {
	one := func(value string, version uint64) entry.Effect {
		return entry.Effect{Kind: entry.EffectSet, Key: []byte("k"), Value: []byte(value), Version: version}
	}
	shards := [][]entry.Effect{{one("b", 1<<20)}, {one("a", 5), one("c", 1<<21)}}
	effects, err := Merged(shards)
	var got []string
	for _, e := range effects {
		got = append(got, string(e.Value))
	}
	if want := "a b c"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v: %v, want %s", err, got, want)
	}
	shards[1][1].Version = 4
	if found := Violations(second(Merged(shards))); len(found) != 1 || found[0].Class != Reordered {
		t.Errorf("a version that goes back within a shard: %v", found)
	}
}

func second(_ []entry.Effect, err error) error { return err }
