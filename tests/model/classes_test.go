package model

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every checker names what is wrong. Each row is a history with one fault, made by hand, or a legal one with outcomes that
// nobody knows; legal rows have no class.
func TestCheckersNameWhatIsWrong(t *testing.T) {
	registers := func(ops []Op) error { _, err := CheckRegisters(ops, time.Minute); return err }
	evictable := func(ops []Op) error { _, err := CheckEvictable(ops, time.Minute); return err }
	twins := func(ops []Op) error { _, err := CheckTwins(ops, time.Minute); return err }
	async := func(ops []Op) error { _, err := CheckAsync(ops); return err }
	by := func(conn string) func(*Op) { return func(o *Op) { o.Stale, o.Conn = true, conn } }
	twin := func(value string) func(*Op) { return func(o *Op) { o.TwinFound, o.Twin = true, value } }
	delta := func(d int64) func(*Op) { return func(o *Op) { o.Delta = d } }
	tests := []struct {
		name    string
		check   func([]Op) error
		history []Op
		class   Class // 0: nothing is wrong
	}{
		{"register: lost", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "")}, Lost},
		{"register: stale", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b"), op(4, 5, Get, "", saw("a")), op(6, 7, Get, "", saw("b"))}, Stale},
		{"register: resurrected", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Del, "", count(1)), op(4, 5, Get, "", saw("a"))}, Resurrected},
		{"register: invented", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "", saw("x"))}, Invented},
		{"register: refused and read", registers, []Op{op(0, 1, Set, "a", is(NotApplied)), op(2, 3, Get, "", saw("a"))}, Invented},
		{"register: two deletes of one value", registers, []Op{op(0, 1, Set, "a"), op(2, 9, GetDel, "", saw("a")), op(3, 8, GetDel, "", saw("a"))}, Illegal},

		{"cas: in a row", registers, []Op{op(0, 1, Cas, "a", count(1)), op(2, 3, Cas, "b", saw("a"), count(1)), op(4, 5, Get, "", saw("b"))}, 0},
		{"cas: one of two wins", registers, []Op{op(0, 1, Set, "a"), op(2, 9, Cas, "b", saw("a"), count(1)), op(2, 9, Cas, "c", saw("a")), op(10, 11, Get, "", saw("b"))}, 0},
		{"cas: both win", registers, []Op{op(0, 1, Set, "a"), op(2, 9, Cas, "b", saw("a"), count(1)), op(2, 9, Cas, "c", saw("a"), count(1)), op(10, 11, Get, "", saw("b"))}, Illegal},
		{"cas: on what was deleted", registers, []Op{op(0, 1, Set, "a"), op(2, 9, Cas, "b", saw("a"), count(1)), op(3, 8, GetDel, "", saw("a")), op(10, 11, Get, "", saw("b"))}, Illegal},
		{"cas: unknown, took effect", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Cas, "b", saw("a"), is(Unknown)), op(9, 10, Get, "", saw("b"))}, 0},
		{"cas: unknown, did not", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Cas, "b", saw("a"), is(Unknown)), op(4, 5, Set, "c"), op(9, 10, Get, "", saw("c"))}, 0},
		{"cas: unknown, took effect on another value", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Cas, "b", saw("a"), is(Unknown)), op(4, 5, Set, "c"), op(6, 7, Get, "", saw("c")), op(9, 10, Get, "", saw("b"))}, Illegal},
		{"cas: failed and read", registers, []Op{op(0, 1, Set, "a"), op(2, 3, Cas, "b", saw("a")), op(4, 5, Get, "", saw("b"))}, Invented},

		{"append: lost", CheckAppends, []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4)), op(4, 5, Get, "", saw("a,"))}, Lost},
		{"append: duplicated", CheckAppends, []Op{op(0, 1, Append, "a,", is(Unknown)), op(4, 5, Get, "", saw("a,a,"))}, Duplicated},
		{"append: stale", CheckAppends, []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Get, ""), op(4, 5, Get, "", saw("a,"))}, Stale},
		{"append: reordered", CheckAppends, []Op{op(0, 1, Append, "a,", count(4)), op(2, 3, Append, "b,", count(2)), op(4, 5, Get, "", saw("b,a,"))}, Reordered},
		{"append: unknown ones either way", CheckAppends, []Op{op(0, 1, Append, "a,", is(Unknown)), op(0, 1, Append, "b,", is(Unknown)), op(4, 5, Get, "", saw("b,"))}, 0},

		{"counter: sums", CheckCounter, []Op{op(0, 5, Incr, "", count(1)), op(1, 6, Incr, "", delta(3), count(4)), op(7, 8, Get, "", saw("4"))}, 0},
		{"counter: unknown counted", CheckCounter, []Op{op(0, 1, Incr, "", is(Unknown)), op(2, 3, Incr, "", count(2)), op(7, 8, Get, "", saw("2"))}, 0},
		{"counter: unknown did not count", CheckCounter, []Op{op(0, 1, Incr, "", is(Unknown)), op(2, 3, Incr, "", count(1)), op(7, 8, Get, "", saw("1"))}, 0},
		{"counter: lost", CheckCounter, []Op{op(0, 1, Incr, "", count(1)), op(2, 3, Incr, "", count(2)), op(7, 8, Get, "", saw("1"))}, Lost},
		{"counter: one answer twice", CheckCounter, []Op{op(0, 9, Incr, "", count(1)), op(2, 8, Incr, "", count(1)), op(10, 11, Get, "", saw("2"))}, Lost},
		{"counter: duplicated", CheckCounter, []Op{op(0, 1, Incr, "", is(Unknown)), op(7, 8, Get, "", saw("2"))}, Duplicated},
		{"counter: refused and counted", CheckCounter, []Op{op(0, 1, Incr, "", is(NotApplied)), op(7, 8, Get, "", saw("1"))}, Duplicated},
		{"counter: stale", CheckCounter, []Op{op(0, 1, Incr, "", count(1)), op(2, 3, Get, ""), op(7, 8, Get, "", saw("1"))}, Stale},
		{"counter: reordered", CheckCounter, []Op{op(0, 1, Incr, "", count(2)), op(2, 3, Incr, "", count(1)), op(7, 8, Get, "", saw("2"))}, Reordered},

		{"set: there", CheckElements, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "", saw("a"))}, 0},
		{"set: unknown and missing", CheckElements, []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, "")}, 0},
		{"set: unknown and late", CheckElements, []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, ""), op(4, 5, Get, "", saw("a"))}, 0},
		{"set: lost", CheckElements, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "")}, Lost},
		{"set: seen and lost", CheckElements, []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, "", saw("a")), op(4, 5, Get, "")}, Lost},
		{"set: stale", CheckElements, []Op{op(0, 1, Set, "a"), op(2, 3, Get, ""), op(4, 5, Get, "", saw("a"))}, Stale},
		{"set: refused", CheckElements, []Op{op(0, 1, Set, "a", is(NotApplied)), op(2, 3, Get, "", saw("a"))}, Invented},
		{"set: never read", CheckElements, []Op{op(0, 1, Set, "a")}, Illegal},

		{"twins: equal", twins, []Op{op(0, 1, SetTwins, "a"), op(2, 3, GetTwins, "", saw("a"), twin("a"))}, 0},
		{"twins: torn", twins, []Op{op(0, 1, SetTwins, "a"), op(2, 9, SetTwins, "b"), op(3, 4, GetTwins, "", saw("b"), twin("a"))}, Torn},
		{"twins: half missing", twins, []Op{op(0, 9, SetTwins, "a"), op(3, 4, GetTwins, "", saw("a"))}, Torn},
		{"twins: lost", twins, []Op{op(0, 1, SetTwins, "a"), op(2, 3, GetTwins, "")}, Lost},

		{"ttl: too early", CheckExpiry, []Op{op(0, 10, Set, "a", ttl(500)), op(100, 101, Get, "")}, Expiry},
		{"ttl: too late", CheckExpiry, []Op{op(0, 10, Set, "a", ttl(500)), op(700, 701, Get, "", saw("a"))}, Expiry},
		{"ttl: resurrected", CheckExpiry, []Op{op(0, 10, Set, "a", ttl(500)), op(480, 481, Get, ""), op(500, 501, Get, "", saw("a"))}, Resurrected},

		{"eviction: gone", evictable, []Op{op(0, 1, Set, "a"), op(2, 3, Get, ""), op(4, 5, SetNX, "b"), op(6, 7, Get, "", saw("b"))}, 0},
		{"eviction: gone before an unknown write", evictable, []Op{op(0, 1, Set, "a"), op(2, 3, SetNX, "b", is(Unknown)), op(4, 5, Get, "", saw("b"))}, 0},
		{"eviction: came back", evictable, []Op{op(0, 1, Set, "a"), op(2, 3, Get, ""), op(4, 5, Get, "", saw("a"))}, Resurrected},
		{"eviction: overwritten came back", evictable, []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b"), op(4, 5, Get, "", saw("a"))}, Resurrected},
		{"eviction: deleted came back", evictable, []Op{op(0, 1, Set, "a"), op(2, 3, GetDel, "", saw("a")), op(4, 5, Get, "", saw("a"))}, Resurrected},
		{"eviction: invented", evictable, []Op{op(0, 1, Set, "a"), op(4, 5, Get, "", saw("z"))}, Invented},

		{"async: lost is allowed", async, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "")}, 0},
		{"async: read and gone", async, []Op{op(0, 1, Set, "a"), op(2, 3, Get, "", saw("a")), op(4, 5, Get, "")}, Lost},
		{"async: a lost id", async, []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4)), op(4, 5, Get, "", saw("a,"))}, 0},
		{"async: an id survives what it was appended to", async, []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4)), op(4, 5, Get, "", saw("b,"))}, Reordered},
		{"async: a read shows what is lost later", async, []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Get, "", saw("a,")), op(4, 5, Append, "b,", count(2)), op(6, 7, Get, "", saw("b,"))}, Reordered},

		{"stale reads: old but forward", CheckStaleReads, []Op{op(0, 1, Incr, "", count(1)), op(2, 3, Incr, "", count(2)), op(4, 5, Get, "", by("x")), op(6, 7, Get, "", saw("1"), by("x")), op(8, 9, Get, "", saw("2"), by("x"))}, 0},
		{"stale reads: back on another connection", CheckStaleReads, []Op{op(0, 1, Incr, "", count(1)), op(4, 5, Get, "", saw("1"), by("x")), op(6, 7, Get, "", by("y"))}, 0},
		{"stale reads: back on one connection", CheckStaleReads, []Op{op(0, 1, Incr, "", count(1)), op(4, 5, Get, "", saw("1"), by("x")), op(6, 7, Get, "", by("x"))}, Stale},
		{"stale reads: never written", CheckStaleReads, []Op{op(0, 1, Incr, "", delta(2), count(2)), op(4, 5, Get, "", saw("1"), by("x"))}, Invented},
		{"stale reads: more than was tried", CheckStaleReads, []Op{op(0, 1, Incr, "", is(Unknown)), op(4, 5, Get, "", saw("2"), by("x"))}, Invented},
		{"stale reads: before it was written", CheckStaleReads, []Op{op(0, 1, Get, "", saw("1"), by("x")), op(4, 5, Incr, "", count(1))}, Invented},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := Violations(tt.check(tt.history))
			switch {
			case tt.class == 0 && len(found) > 0:
				t.Errorf("a legal history is refused as %v: %s", found[0].Class, found[0].Text)
			case tt.class != 0 && len(found) == 0:
				t.Errorf("accepted, want %v", tt.class)
			case tt.class != 0 && found[0].Class != tt.class:
				t.Errorf("got %v, want %v: %s", found[0].Class, tt.class, found[0].Text)
			}
		})
	}
}

func TestNoVerdictIsAViolation(t *testing.T) {
	var ops []Op
	for i := range 40 { // nothing returns, so every order is to be tried before the last read can be refused
		ops = append(ops, op(0, 1, Incr, "", is(Unknown), func(o *Op) { o.Delta = 1 << i; o.Client = i }))
	}
	ops = append(ops, op(5, 6, Get, "", saw("-1")))
	_, err := CheckRegisters(ops, 20*time.Millisecond)
	if found := Violations(err); len(found) != 1 || found[0].Class != Undecided || !strings.Contains(found[0].Text, "no verdict within 20ms") {
		t.Errorf("got %v", found)
	}
}

func TestViolationsAreAllListed(t *testing.T) {
	err := errors.Join(violation(Lost, "a"), errors.Join(nil, violation(Stale, "b")), errors.New("c"))
	want := []Violation{{Lost, "a"}, {Stale, "b"}, {Illegal, "c"}}
	if got := Violations(err); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLossIsMeasuredForEachFault(t *testing.T) {
	second := func(n int) int { return n * 1000 }
	marks := []Mark{{"kill", 100 * time.Second, 101 * time.Second}, {"kill", 200 * time.Second, 201 * time.Second}}
	lost := []Op{op(second(99), second(99)+10, Set, "a"), op(second(99)+50, second(99)+80, Set, "b"), op(second(200), second(200)+5, Set, "c")}
	loss, err := LossOf(lost, marks)
	if want := (Loss{Writes: 3, Span: 80 * time.Millisecond}); err != nil || loss != want {
		t.Errorf("got %v, %v; want %v", loss, err, want)
	}
	_, err = LossOf([]Op{op(second(50), second(50)+1, Set, "d")}, marks)
	if found := Violations(err); len(found) != 1 || found[0].Class != Lost {
		t.Errorf("a loss far from any fault: %v", found)
	}
}

func TestGapsAreThoseAroundAFault(t *testing.T) {
	ops := []Op{op(0, 10, Get, ""), op(20, 30, Get, ""), op(31, 500, Get, "", is(Unknown)), op(501, 530, Get, ""), op(540, 550, Get, "")}
	for i := range ops {
		ops[i].Client = 1
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	marks := []Mark{{"kill", ms(40), ms(60)}, {"pause", ms(545), ms(546)}}
	want := []Gap{{"kill", 1, ms(500)}, {"pause", 1, ms(20)}}
	if got := Gaps(ops, marks, []int{1, 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	spread := SpreadOf([]time.Duration{ms(5), ms(1), ms(3)})
	if want := (Spread{3, ms(3), ms(5), ms(5)}); spread != want {
		t.Errorf("got %v, want %v", spread, want)
	}
}

func TestHistoriesComeBackFromJSON(t *testing.T) {
	ops := []Op{op(0, 1, SetTwins, "a"), op(2, 3, Get, "", saw("a")), op(4, 5, Incr, "", is(Unknown), func(o *Op) { o.Delta = 7 })}
	data, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	var back []Op
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, ops) {
		t.Errorf("%v: got %v, want %v", err, back, ops)
	}
}
