package model

import (
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// start and batch make entries; a batch sets or patches one key.
func start(index, term uint64) Entry {
	return Entry{Index: index, Term: term, Command: true, Data: entry.EncodeExecutorStart(1, entry.ExecutorStart{Nonce: index, Node: "n"})}
}

func batch(index, term, incarnation, sequence, version uint64, key, value string, change ...func(*entry.Effect)) Entry {
	e := entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), Version: version}
	for _, c := range change {
		c(&e)
	}
	b := entry.Batch{Version: version, Sections: []entry.Section{{Slot: slot.Of(e.Key), Effects: []entry.Effect{e}}}}
	return Entry{Index: index, Term: term, Command: true, Data: entry.AppendBatch(nil, entry.Header{Incarnation: incarnation, Sequence: sequence, Time: 1}, &b)}
}

func patchAt(offset uint64) func(*entry.Effect) {
	return func(e *entry.Effect) { e.Kind, e.Offset = entry.EffectPatch, offset }
}

func three(logs ...[]Entry) []Log {
	list := []Log{{Node: "node-1", Entries: logs[0]}, {Node: "node-2", Entries: logs[0]}, {Node: "node-3", Entries: logs[0]}}
	for i := 1; i < len(logs); i++ {
		list[i].Entries = logs[i]
	}
	return list
}

func TestLogsOfReplicasAgreeOnWhatIsCommitted(t *testing.T) {
	good := []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a"), start(3, 2), batch(4, 2, 3, 1, 6, "k", "b")}
	other := slices.Clone(good)
	other[1] = batch(2, 1, 1, 1, 5, "k", "x")
	tail := append(slices.Clone(good[:3]), batch(4, 1, 1, 2, 7, "k", "x"))
	tests := []struct {
		name  string
		logs  []Log
		last  uint64
		class Class
	}{
		{"all alike", three(good), 4, 0},
		{"one behind", three(good, good[:2]), 4, 0},
		{"one cut by a snapshot", three(good, good[2:]), 4, 0},
		{"a tail that nobody counts", three(good[:3], append(slices.Clone(good[:3]), batch(4, 2, 3, 1, 7, "k", "z"))), 3, 0},
		{"a leader of the last moment", three(good, append(slices.Clone(good), start(5, 3))), 4, 0},
		{"a later leader that has taken back what was no more than copied", three(good, append(slices.Clone(good[:3]), start(4, 3))), 3, 0},
		{"another entry at a committed index", three(good, other), 4, Diverged},
		{"a term that goes back", three(good, tail), 4, Reordered},
		{"a hole", three(good, []Entry{good[0], good[2]}), 4, Reordered},
		{"no majority", three(good[:0], good, good[:0])[:], 0, Illegal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			committed, err := CheckLogs(tt.logs)
			found := Violations(err)
			switch {
			case tt.class == 0 && err != nil:
				t.Error(err)
			case tt.class == 0 && committed[len(committed)-1].Index != tt.last:
				t.Errorf("committed up to %d, want %d", committed[len(committed)-1].Index, tt.last)
			case tt.class != 0 && (len(found) != 1 || found[0].Class != tt.class):
				t.Errorf("got %v, want %v", found, tt.class)
			}
		})
	}
}

// A log that was cut begins with the earliest state that it leads on from.
func TestCutLogsLeadOnFromASnapshot(t *testing.T) {
	set := func(version uint64, value string) entry.Effect {
		return entry.Effect{Kind: entry.EffectSet, Key: []byte("k"), Value: []byte(value), Version: version}
	}
	whole := []Entry{
		start(1, 1), batch(2, 1, 1, 1, 5, "k", "a"), batch(3, 1, 1, 2, 6, "k", "b"), batch(4, 1, 1, 3, 7, "k", "c"),
		batch(5, 1, 1, 5, 8, "k", "gap"), batch(6, 1, 1, 4, 9, "k", "d"),
	}
	at3, at4 := Base{3, 1, 2, []entry.Effect{set(6, "b")}}, Base{4, 1, 3, []entry.Effect{set(7, "c")}}
	for _, tt := range []struct {
		name  string
		first int
		bases []Base
		want  string // "": none fits
	}{
		{"whole", 0, nil, "a b c d"},
		{"whole beside a snapshot", 0, []Base{at3}, "a b c d"},
		{"cut behind a snapshot", 3, []Base{at3}, "b c d"},
		{"cut before a snapshot", 1, []Base{at4}, "c d"},
		{"two snapshots", 2, []Base{at4, at3}, "b c d"},
		{"a hole", 4, []Base{at3}, ""},
		{"no snapshot", 1, nil, ""},
		{"a snapshot of what is not there", 1, []Base{{Index: 7}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cut := whole[tt.first:]
			base, ok := BaseOf([]Log{{Node: "node-1"}, {Node: "node-2", Entries: cut, Bases: tt.bases}}, cut)
			if ok != (tt.want != "") {
				t.Fatalf("leads on from a snapshot: got %v", ok)
			}
			if !ok {
				return
			}
			effects, err := base.Applied(cut)
			var got []string
			for _, e := range effects {
				got = append(got, string(e.Value))
			}
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("%v: applied %v, want %s", err, got, tt.want)
			}
		})
	}
}

// The fence: what was evaluated on something that never came is not applied.
func TestOnlyEntriesThatFollowTheirOwnAreApplied(t *testing.T) {
	effects, err := Base{}.Applied([]Entry{
		start(1, 1), batch(2, 1, 1, 1, 5, "k", "a"), batch(3, 1, 1, 3, 7, "k", "gap"), batch(4, 1, 1, 2, 8, "k", "b"),
		start(5, 2), batch(6, 2, 1, 3, 9, "k", "old"), {Index: 7, Term: 2}, batch(8, 2, 5, 1, 10, "k", "c"),
	})
	var got []string
	for _, e := range effects {
		got = append(got, string(e.Value))
	}
	if want := "a b c"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v: applied %v, want %s", err, got, want)
	}
}

// A key that was evicted before the snapshot that the effects begin with is in neither; one that is read later has to be.
func TestKeyMayHaveGoneBeforeTheSnapshot(t *testing.T) {
	written := op(0, 1, Set, "a")
	for _, tt := range []struct {
		name    string
		history []Op
		before  Before
		class   Class
	}{
		{"evicted", []Op{written, op(4, 5, Get, "")}, MayHaveGone, 0},
		{"there at the end", []Op{written, op(4, 5, Get, "", saw("a"))}, MayHaveGone, Diverged},
		{"without eviction", []Op{written, op(4, 5, Get, "")}, NothingBefore, Lost},
	} {
		found := Violations(CheckLogged(tt.history, nil, tt.before))
		if tt.class == 0 && len(found) > 0 || tt.class != 0 && (len(found) == 0 || found[0].Class != tt.class) {
			t.Errorf("%s: got %v, want class %v", tt.name, found, tt.class)
		}
	}
}

func TestLogsHoldWhatWasAcknowledgedOnce(t *testing.T) {
	read := op(4, 5, Get, "", saw("a"))
	ids := []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4))}
	tests := []struct {
		name    string
		history []Op
		log     []Entry
		class   Class
	}{
		{"an element", []Op{op(0, 1, Set, "a"), read}, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a")}, 0},
		{"an unknown one that is there", []Op{op(0, 1, Set, "a", is(Unknown)), read}, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a")}, 0},
		{"an unknown one that is not", []Op{op(0, 1, Set, "a", is(Unknown))}, nil, 0},
		{"a lost one", []Op{op(0, 1, Set, "a"), read}, []Entry{start(1, 1)}, Lost},
		{"a fenced one", []Op{op(0, 1, Set, "a"), read}, []Entry{start(1, 1), batch(2, 1, 1, 2, 5, "k", "a")}, Lost},
		{"one twice", []Op{op(0, 1, Set, "a"), read}, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a"), batch(3, 1, 1, 2, 6, "k", "a")}, Duplicated},
		{"a refused one", []Op{op(0, 1, Set, "a", is(NotApplied))}, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a")}, Invented},
		{"a final read that differs", []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b"), read}, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a"), batch(3, 1, 1, 2, 6, "k", "b")}, Diverged},
		{"a version that goes back", []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b")}, []Entry{start(1, 1), batch(2, 1, 1, 1, 6, "k", "a"), batch(3, 1, 1, 2, 5, "k", "b")}, Reordered},
		{"a list", ids, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a,"), batch(3, 1, 1, 2, 6, "k", "b,", patchAt(2))}, 0},
		{"a lost id", ids, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a,")}, Lost},
		{"an id twice", ids, []Entry{start(1, 1), batch(2, 1, 1, 1, 5, "k", "a,b,"), batch(3, 1, 1, 2, 6, "k", "b,", patchAt(4))}, Duplicated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			effects, err := Base{}.Applied(tt.log)
			if err != nil {
				t.Fatal(err)
			}
			found := Violations(CheckLogged(tt.history, effects, NothingBefore))
			switch {
			case tt.class == 0 && len(found) > 0:
				t.Errorf("refused: %v", found)
			case tt.class != 0 && len(found) == 0:
				t.Errorf("accepted, want %v", tt.class)
			case tt.class != 0 && found[0].Class != tt.class:
				t.Errorf("got %v, want %v", found, tt.class)
			}
		})
	}
}
