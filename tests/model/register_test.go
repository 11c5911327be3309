package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// op makes an operation on key k between two times in milliseconds.
func op(call, end int, kind Kind, arg string, change ...func(*Op)) Op {
	o := Op{
		Client: call, Kind: kind, Key: "k", Arg: arg, Outcome: OK,
		Call: time.Duration(call) * time.Millisecond, Return: time.Duration(end) * time.Millisecond,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func saw(value string) func(*Op)         { return func(o *Op) { o.Found, o.Value = true, value } }
func count(n int64) func(*Op)            { return func(o *Op) { o.N = n } }
func is(outcome Outcome) func(*Op)       { return func(o *Op) { o.Outcome = outcome } }
func ttl(millis time.Duration) func(*Op) { return func(o *Op) { o.TTL = millis * time.Millisecond } }

func TestRegistersAreJudgedByWhatTheyMayAnswer(t *testing.T) {
	tests := []struct {
		name    string
		history []Op
		wrong   string // part of the verdict; empty: nothing is wrong
	}{
		{"a read sees the write before it", []Op{op(0, 1, Set, "a"), op(2, 3, Get, "", saw("a"))}, ""},
		{"a read beside a write may see it or not", []Op{op(0, 1, Set, "a"), op(2, 9, Set, "b"), op(3, 4, Get, "", saw("b")), op(5, 6, Get, "", saw("b"))}, ""},
		{"a lost write", []Op{op(0, 1, Set, "a"), op(2, 3, Get, "")}, "not linearizable"},
		{"a stale read", []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b"), op(4, 5, Get, "", saw("a"))}, "not linearizable"},
		{"reads that go back", []Op{op(0, 1, Set, "a"), op(2, 9, Set, "b"), op(3, 4, Get, "", saw("b")), op(5, 6, Get, "", saw("a"))}, "not linearizable"},
		{"a value from nowhere", []Op{op(0, 1, Set, "a"), op(2, 3, Get, "", saw("x"))}, "not linearizable"},

		{"an unknown write may have been", []Op{op(0, 1, Set, "a", is(Unknown)), op(5, 6, Get, "", saw("a"))}, ""},
		{"an unknown write may come later", []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, ""), op(5, 6, Get, "", saw("a"))}, ""},
		{"an unknown write may never have been", []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, "")}, ""},
		{"an unknown write that comes and goes", []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Get, "", saw("a")), op(4, 5, Get, "")}, "not linearizable"},
		{"an unknown write before its call", []Op{op(0, 1, Get, "", saw("a")), op(2, 3, Set, "a", is(Unknown))}, "not linearizable"},
		{"an unknown write may be seen by its end only", []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b", is(Unknown), ttl(200)), op(900, 901, Get, "")}, ""},
		{"an unknown write has not ended yet", []Op{op(0, 1, Set, "a"), op(2, 3, Set, "b", is(Unknown), ttl(900)), op(500, 501, Get, "")}, "not linearizable"},
		{"a refused write is no write", []Op{op(0, 1, Set, "a", is(NotApplied)), op(2, 3, Get, "")}, ""},
		{"a refused write that was read", []Op{op(0, 1, Set, "a", is(NotApplied)), op(2, 3, Get, "", saw("a"))}, "value of a refused write"},

		{"a set on a missing key", []Op{op(0, 1, SetNX, "a"), op(2, 3, Get, "", saw("a"))}, ""},
		{"two sets on a missing key", []Op{op(0, 1, SetNX, "a"), op(2, 3, SetNX, "b")}, "not linearizable"},
		{"a set on a missing key that was there", []Op{op(0, 1, Set, "a"), op(2, 3, SetNX, "b", saw("a")), op(4, 5, Get, "", saw("b"))}, "not linearizable"},
		{"two deletes of one value", []Op{op(0, 1, Set, "a"), op(2, 9, GetDel, "", saw("a")), op(3, 8, GetDel, "", saw("a"))}, "not linearizable"},
		{"a deleted key comes back", []Op{op(0, 1, Set, "a"), op(2, 3, Del, "", count(1)), op(4, 5, Get, "", saw("a"))}, "not linearizable"},
		{"a delete of nothing that deleted", []Op{op(0, 1, Del, "", count(1))}, "not linearizable"},
		{"a delete of an unknown write", []Op{op(0, 1, Set, "a", is(Unknown)), op(2, 3, Del, "", count(1))}, ""},

		{"increments count", []Op{op(0, 5, Incr, "", count(2)), op(1, 6, Incr, "", count(1)), op(7, 8, Get, "", saw("2"))}, ""},
		{"an increment twice", []Op{op(0, 1, Incr, "", count(1)), op(2, 3, Incr, "", count(3))}, "not linearizable"},
		{"an increment lost", []Op{op(0, 1, Incr, "", count(1)), op(2, 3, Incr, "", count(1))}, "not linearizable"},
		{"an unknown increment may count once", []Op{op(0, 1, Incr, "", is(Unknown)), op(2, 3, Incr, "", count(2))}, ""},
		{"an unknown increment counts twice", []Op{op(0, 1, Incr, "", is(Unknown)), op(2, 3, Incr, "", count(3))}, "not linearizable"},

		{"a value ends with its TTL", []Op{op(0, 1, Set, "a", ttl(500)), op(10, 11, Get, "", saw("a")), op(700, 701, Get, "")}, ""},
		{"a value ends before its TTL", []Op{op(0, 1, Set, "a", ttl(500)), op(10, 11, Get, "")}, "not linearizable"},
		{"a value outlives its TTL", []Op{op(0, 1, Set, "a", ttl(500)), op(700, 701, Get, "", saw("a"))}, "not linearizable"},
		{"an expired value comes back", []Op{op(0, 1, Set, "a", ttl(500)), op(490, 491, Get, ""), op(520, 521, Get, "", saw("a"))}, "not linearizable"},
		{"the TTL of an overwritten value means nothing", []Op{op(0, 1, Set, "a", ttl(500)), op(2, 3, Set, "b"), op(700, 701, Get, "", saw("b"))}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, tt.wrong, func() error { _, err := CheckRegisters(tt.history, time.Minute); return err })
		})
	}
}

func judge(t *testing.T, wrong string, check func() error) {
	t.Helper()
	err := check()
	switch {
	case wrong == "" && err != nil:
		t.Errorf("a legal history is refused: %v", err)
	case wrong != "" && err == nil:
		t.Error("an illegal history is accepted")
	case wrong != "" && !strings.Contains(err.Error(), wrong):
		t.Errorf("got %v, want %q", err, wrong)
	}
}

// A history that was really run on one register is accepted, and refused after one answer of it was changed: the search
// must find both within its budget at the sizes that the workloads stop at.
func TestASearchAtFullSizeEndsInTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		broken bool
	}{{"legal", false}, {"illegal", true}} {
		t.Run(tt.name, func(t *testing.T) {
			history := concurrent(rand.New(rand.NewPCG(1, 2)), 250, 5, 8)
			if tt.broken {
				breakLastRead(history)
			}
			_, err := CheckRegisters(history, time.Minute)
			switch {
			case !tt.broken && err != nil:
				t.Errorf("refused: %v", err)
			case tt.broken && err == nil:
				t.Error("accepted")
			case tt.broken && !strings.Contains(err.Error(), "not linearizable"):
				t.Error(err)
			}
		})
	}
}

// concurrent makes a legal history: each operation takes effect at one moment between its call and its return.
func concurrent(random *rand.Rand, n, clients, unknown int) []Op {
	now := make([]time.Duration, clients)
	var state register
	var ops []Op
	for i := range n {
		c := i % clients
		at := time.Duration(i+1) * time.Millisecond
		o := Op{Client: c, Key: "k", Call: max(now[c], at-time.Duration(random.IntN(5000))*time.Microsecond), Return: at + time.Duration(random.IntN(5000))*time.Microsecond, Outcome: OK}
		now[c] = o.Return + 1
		o.Call = min(o.Call, at)
		switch kind := random.IntN(10); {
		case i%(n/unknown) == 0:
			o.Kind, o.Arg, o.Outcome = Set, fmt.Sprint("v", i), Unknown
			if random.IntN(2) == 0 {
				ops = append(ops, o)
				continue // it never takes effect
			}
		case kind < 5:
			o.Kind, o.Found, o.Value = Get, state.found, state.value
		case kind < 8:
			o.Kind, o.Arg = Set, fmt.Sprint("v", i)
		case kind < 9:
			o.Kind, o.Arg, o.Found, o.Value = SetNX, fmt.Sprint("v", i), state.found, state.value
		default:
			o.Kind, o.Found, o.Value = GetDel, state.found, state.value
		}
		_, state = state.step(o)
		ops = append(ops, o)
	}
	return ops
}

// breakLastRead makes the last read see what was overwritten long before.
func breakLastRead(history []Op) {
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].Kind == Get {
			for _, o := range history {
				if o.Kind == Set && o.Outcome == OK {
					history[i].Found, history[i].Value = true, o.Arg
					return
				}
			}
		}
	}
}
