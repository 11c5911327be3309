package session

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

func done(client, sequence uint64, until int64, result string) Done {
	return Done{ID: ID{client, sequence}, Until: until, Result: []byte(result)}
}

func TestRetryFindsTheResultOfTheFirstAttempt(t *testing.T) {
	table := New()
	table.PutLocked(5, done(1, 1, 100, "first"), 10)
	table.PutLocked(5, done(1, 1, 100, "second"), 11)
	if d, ok := table.FindLocked(5, ID{1, 1}); !ok || string(d.Result) != "first" || table.Len() != 1 {
		t.Errorf("got %q, %v, %d results; want the first, once", d.Result, ok, table.Len())
	}
	for what, id := range map[string]ID{"another request": {1, 2}, "another client": {2, 1}} {
		if _, ok := table.FindLocked(5, id); ok {
			t.Errorf("%s has a result", what)
		}
	}
	if _, ok := table.FindLocked(6, ID{1, 1}); ok {
		t.Error("another slot has it too")
	}
}

func TestNothingIsForgottenBeforeItsEnd(t *testing.T) {
	table := New()
	for i := range uint64(1000) {
		table.PutLocked(0, done(1, i, 1000, ""), int64(i))
	}
	if _, ok := table.FindLocked(0, ID{1, 0}); !ok || table.Len() != 1000 {
		t.Errorf("%d results are left, want 1000", table.Len())
	}
	// At the very end it counts, behind it it does not.
	if got := len(table.AppendLocked(nil, 0, 1000)); got != 1000 {
		t.Errorf("at the end %d count, want 1000", got)
	}
	if got := len(table.AppendLocked(nil, 0, 1001)); got != 0 {
		t.Errorf("behind the end %d count, want none", got)
	}
}

func TestWhatHasEndedDoesNotPileUp(t *testing.T) {
	table := New()
	for i := range int64(100_000) {
		table.PutLocked(7, done(1, uint64(i), i+100, "result"), i)
	}
	if table.Len() > 500 {
		t.Errorf("%d results are kept where 100 count", table.Len())
	}
	table.DropLocked(7)
	if table.Len() != 0 || table.bytes.Load() != 0 {
		t.Errorf("an empty table has %d results of %d bytes", table.Len(), table.bytes.Load())
	}
}

func TestFullTableTakesNoNewResult(t *testing.T) {
	table := New()
	if table.Full(ResultBytesMax) {
		t.Fatal("an empty table is full")
	}
	table.count.Store(CountMax)
	if !table.Full(0) {
		t.Error("there is room beyond CountMax")
	}
	table.count.Store(0)
	table.bytes.Store(BytesMax - 2*overheadBytes)
	if table.Full(overheadBytes) || !table.Full(overheadBytes+1) {
		t.Error("the limit of bytes is not where it should be")
	}
}

// A map of everything, against which tables are compared.
type reference map[slot.ID]map[ID]Done

func (r reference) live(now int64) map[slot.ID][]Done {
	live := map[slot.ID][]Done{}
	for s, all := range r {
		for _, d := range all {
			if d.Until >= now {
				live[s] = append(live[s], d)
			}
		}
		slices.SortFunc(live[s], func(a, b Done) int { return a.ID.compare(b.ID) })
	}
	return live
}

func digest(t *Table, now int64) (sum uint64) {
	for s := range slot.ID(4) {
		sum += t.DigestLocked(s, now)
	}
	return sum
}

// A copy in portions has every result that is there from its beginning to its end, whatever comes and goes meanwhile.
func TestCopyGivesEveryResultThatStays(t *testing.T) {
	table := New()
	for i := range uint64(100) {
		table.PutLocked(3, done(i%7, 2*i, int64(10+i%2*1000), "result"), 0)
	}
	got := map[ID]int{}
	var after *ID
	for more, turn := true, uint64(0); more; turn++ {
		var part []Done
		part, more = table.CopyLocked(nil, 3, after, 9, 5*(overheadBytes+6))
		if more && (len(part) < 5 || len(part) > 6) {
			t.Fatalf("a portion of %d results, want 5 or 6", len(part))
		}
		for _, d := range part {
			got[d.ID]++
			after = &d.ID
		}
		for i := range uint64(20) * min(1, 5/(turn+1)) { // sweeps those that end at 10
			table.PutLocked(3, done(turn, 1001+2*i, 1000, ""), 500)
		}
	}
	for i := range uint64(100) {
		if id := (ID{i % 7, 2 * i}); i%2 == 1 && got[id] != 1 {
			t.Errorf("%v was copied %d times, want once", id, got[id])
		}
	}
	if copied, more := table.CopyLocked(nil, 4, nil, 9, 1000); len(copied) != 0 || more {
		t.Errorf("an empty slot gives %d results", len(copied))
	}
}

// Whatever happens, a table, its captures and a table that was loaded from one hold what a map would, and replicas that have
// swept at other times have the same digest.
func TestTableIsAMapWhoseCapturesDoNotChange(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		table, twin := New(), New()
		model := reference{}
		now := int64(0)
		type kept struct {
			capture Capture
			now     int64
			want    map[slot.ID][]Done
		}
		var captures []kept
		check := func(what string, now int64, want map[slot.ID][]Done, get func(s slot.ID) []Done) {
			t.Helper()
			for s := range slot.ID(4) {
				if got := get(s); len(got)+len(want[s]) > 0 && !reflect.DeepEqual(got, want[s]) {
					t.Fatalf("seed %d: %s, slot %d at %d: got %v, want %v", seed, what, s, now, got, want[s])
				}
			}
		}
		for range 400 {
			now += rng.Int64N(5)
			s := slot.ID(rng.IntN(4))
			switch rng.IntN(20) {
			case 0:
				table.DropLocked(s)
				twin.DropLocked(s)
				delete(model, s)
			case 1:
				captures = append(captures, kept{table.Capture(), now, model.live(now)})
			case 2: // twin starts again from a snapshot
				loaded := New()
				capture := twin.Capture()
				for s := range slot.ID(4) {
					for _, d := range capture.Append(nil, s, now) {
						loaded.PutLocked(s, d, now)
					}
				}
				for s := range slot.ID(4) {
					twin.TakeLocked(s, loaded)
				}
			default:
				d := done(rng.Uint64N(3), rng.Uint64N(200), now+rng.Int64N(100), fmt.Sprint(rng.Uint32()))
				if old, ok := model[s][d.ID]; ok && old.Until < now {
					continue // an id is never used again
				}
				table.PutLocked(s, d, now)
				twin.PutLocked(s, d, now)
				if model[s] == nil {
					model[s] = map[ID]Done{}
				}
				if _, ok := model[s][d.ID]; !ok {
					model[s][d.ID] = d
				}
			}
			check("the table", now, model.live(now), func(s slot.ID) []Done { return table.AppendLocked(nil, s, now) })
			if digest(table, now) != digest(twin, now) {
				t.Fatalf("seed %d: replicas differ at %d", seed, now)
			}
		}
		for _, c := range captures {
			check("a capture", c.now, c.want, func(s slot.ID) []Done { return c.capture.Append(nil, s, c.now) })
		}
	}
}

func BenchmarkPut(b *testing.B) {
	table := New()
	for i := range int64(b.N) {
		table.PutLocked(slot.ID(i%1024), done(uint64(i%50), uint64(i), i+100_000, "12345"), i)
	}
}

// A slot that nobody comes to any more is swept by hand, beside captures that need it as it was.
func TestSweepForgetsWhatHasEndedAndLeavesCapturesAlone(t *testing.T) {
	table := New()
	for i := range uint64(10) {
		table.PutLocked(3, done(1, i, 100+int64(i), "result"), 0)
	}
	before := table.Capture()
	table.SweepLocked(3, 105)
	if got := len(table.AppendLocked(nil, 3, 0)); got != 5 || table.Len() != 5 {
		t.Errorf("%d results are left, %d counted, want 5", got, table.Len())
	}
	if _, ok := table.FindLocked(3, ID{1, 5}); !ok {
		t.Error("a result was forgotten at its very end")
	}
	captured := before.Append(nil, 3, 0)
	if len(captured) != 10 {
		t.Errorf("the capture has %d results, want 10", len(captured))
	}
	for i, d := range captured {
		if d.ID != (ID{1, uint64(i)}) {
			t.Errorf("result %d of the capture is %+v", i, d)
		}
	}
	during := table.Capture()
	table.PutLocked(3, done(2, 1, 200, "late"), 0)
	if got := len(during.Append(nil, 3, 0)); got != 5 {
		t.Errorf("the second capture has %d results, want 5", got)
	}
	table.SweepLocked(3, 1000)
	if table.Len() != 0 || table.bytes.Load() != 0 || table.slots[3] != nil {
		t.Errorf("%d results of %d bytes are left", table.Len(), table.bytes.Load())
	}
}

func TestSweepBesideCaptures(t *testing.T) {
	table := New()
	swept := make(chan struct{})
	for i := range uint64(slot.Count) {
		table.PutLocked(slot.ID(i), done(1, i, int64(i%2), "result"), 0)
	}
	go func() {
		defer close(swept)
		for i := range slot.ID(slot.Count) {
			table.SweepLocked(i, 1)
		}
	}()
	for range 20 {
		table.Capture()
	}
	<-swept
	if table.Len() != slot.Count/2 {
		t.Errorf("%d results are left, want %d", table.Len(), slot.Count/2)
	}
}
