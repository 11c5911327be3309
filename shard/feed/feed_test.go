package feed

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func TestReaderShowsChangesInTheOrderOfTheLog(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	r := f.From(l.at(), allSlots)
	defer r.Close()
	l.write(set("a", "1"), set("b", "1"))
	l.append(nil) // an entry of raft's own
	l.write(del("a", entry.ReasonExpire), del("b", entry.ReasonEvict))
	l.write(set("a", "2"))
	wantSeen(t, r, "a=1", "b=1", "del a 2", "del b 3", "a=2")
	wantSeen(t, r)
}

// What did not pass the fence on any replica was never applied (PROTOCOL rule 1): batches of a deposed leader, and those behind
// a gap.
func TestReaderPassesOverWhatTheFenceStopped(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	r := f.From(l.at(), allSlots)
	defer r.Close()
	l.write(set("k", "1"))
	late := l.header()
	l.seq-- // never committed under the old leader
	l.start()
	l.batch(late, nil, []entry.Effect{set("k", "late")})
	l.write(set("k", "2"))
	l.header() // lost
	l.write(set("k", "behind a gap"))
	l.start()
	l.write(set("k", "3"))
	wantSeen(t, r, "k=1", "k=2", "k=3")
}

func TestReaderShowsWhatItsSelectionWants(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	one := slot.Of([]byte("{s}"))
	readers := map[string]*Reader{
		"slot":   f.From(l.at(), Selection{Slots: []slot.Range{{First: one, Last: one}}}),
		"prefix": f.From(l.at(), Selection{Slots: allSlots.Slots, Prefix: []byte("user:")}),
		"keys":   f.From(l.at(), Selection{Slots: allSlots.Slots, Keys: [][]byte{[]byte("a"), []byte("{s}b")}}),
	}
	l.write(set("a", "1"), set("user:1", "1"), set("{s}a", "1"))
	l.write(del("user:1", entry.ReasonEvict), set("users", "1"), set("{s}b", "1"), del("user:2", entry.ReasonExpire))
	for name, want := range map[string][]string{
		"slot": {"{s}a=1", "{s}b=1"}, "prefix": {"user:1=1", "del user:1 3", "del user:2 2"}, "keys": {"a=1", "{s}b=1"},
	} {
		t.Run(name, func(t *testing.T) {
			wantSeen(t, readers[name], want...)
			readers[name].Close()
		})
	}
}

// A reader may stop in the middle of a batch and go on at another replica: nothing is lost, nothing comes twice.
func TestTokenGoesOnAtAnyChange(t *testing.T) {
	l := newFakeLog()
	start := l.at()
	var want []string
	for i := range 5 {
		var effects []entry.Effect
		for j := range 4 {
			effects = append(effects, set(fmt.Sprintf("{s}%d", j), fmt.Sprint(i)))
			want = append(want, fmt.Sprintf("{s}%d=%d", j, i))
		}
		l.write(effects...)
	}
	var got []string
	token := start.Token()
	for len(got) < len(want) {
		p, err := ParseToken(token)
		if err != nil {
			t.Fatal(err)
		}
		r, err := New(l).Resume(p, allSlots) // each time at another replica
		if err != nil {
			t.Fatal(err)
		}
		changes, err := r.take(1) // the smallest piece
		if err != nil {
			t.Fatal(err)
		}
		for i := range changes {
			got = append(got, text(&changes[i]))
		}
		token = r.Position().Token()
		r.Close()
	}
	if !slices.Equal(got, want) {
		t.Fatalf("seen %q, want %q", got, want)
	}
}

func TestReaderBehindTheLogIsToldSo(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	slow := f.From(l.at(), allSlots)
	defer slow.Close()
	token := l.at()
	for i := range 10 {
		l.write(set("k", fmt.Sprint(i)))
	}
	f.Mark(l.at())
	l.write(set("k", "last"))
	l.truncate(8)
	_, err := seen(slow, 1<<20)
	wantCompacted(t, "a slow reader", err, 10)
	_, err = f.Resume(token, allSlots)
	wantCompacted(t, "an old token", err, 10)
	_, err = f.AfterVersion(3, allSlots)
	wantCompacted(t, "an old version", err, 10)
	r, err := f.AfterVersion(10, allSlots)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantSeen(t, r, "k=last")
}

// A token of what a recovery has given up must not go on in the log that came instead.
func TestTokenOfAnotherLogIsRefused(t *testing.T) {
	l := newFakeLog()
	l.write(set("k", "1"))
	token := l.at()
	l.entries = l.entries[:1]
	l.term = 1 << 20
	_, err := New(l).Resume(token, allSlots)
	wantCompacted(t, "a token behind the end of the log", err, 0)
	l.write(set("k", "other"))
	l.write(set("k", "more"))
	_, err = New(l).Resume(token, allSlots)
	wantCompacted(t, "a token of another entry", err, 0)
}

func TestTokensOfOthersAreRefused(t *testing.T) {
	good := Position{Index: 300, Term: 2, Incarnation: 4, Sequence: 5, Version: 1 << 40, Done: 7}
	if back, err := ParseToken(good.Token()); err != nil || back != good {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, token := range [][]byte{nil, {}, {2}, {1}, good.Token()[:5], append(good.Token(), 0)} {
		if _, err := ParseToken(token); err == nil {
			t.Errorf("token %v is taken", token)
		}
	}
}

func TestVersionsBehindAMarkAreShownFromTheNextOneOn(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	for i := range 20 {
		if i%5 == 0 {
			f.Mark(l.at())
		}
		l.write(set("k", fmt.Sprint(i)), set("other", fmt.Sprint(i)))
	}
	for _, version := range []uint64{0, 1, 9, 10, 11, 39} { // k of write i has 2i+1
		r, err := f.AfterVersion(version, Selection{Slots: allSlots.Slots, Keys: [][]byte{[]byte("k")}})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := seen(r, 1<<20)
		var want []string
		for i := range uint64(20) {
			if 2*i+1 > version {
				want = append(want, fmt.Sprintf("k=%d", i))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("behind version %d: seen %q, want %q", version, got, want)
		}
		r.Close()
	}
}

func TestEmptiedSlotsComeBeforeWhatTheBatchPutsIntoThem(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	s := slot.Of([]byte("k"))
	r := f.From(l.at(), Selection{Slots: []slot.Range{{First: s, Last: s}}})
	defer r.Close()
	l.write(set("k", "1"))
	l.batch(l.header(), []slot.Range{{First: 0, Last: slot.Count - 1}}, []entry.Effect{set("k", "2"), set("x", "1")})
	wantSeen(t, r, "k=1", fmt.Sprintf("emptied [%v]", slot.Range{First: s, Last: s}), "k=2")
	// From a version on that lies within the batch: the emptying is shown with all that came behind it.
	f.Mark(Position{Index: 1, Term: 1, Incarnation: 1})
	from, err := f.AfterVersion(3, Selection{Slots: []slot.Range{{First: s, Last: s}}})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	wantSeen(t, from, fmt.Sprintf("emptied [%v]", slot.Range{First: s, Last: s}), "k=2")
}

// move appends the record by which slots leave or come, as a replica's listener hears of it.
func (l *fakeLog) move(f *Feed, m Move) {
	h := l.header()
	record := entry.EncodeDrop(h, entry.Drop{Migration: m.Migration})
	if m.To == 0 {
		record = entry.EncodeActivate(h, entry.Activate{Migration: m.Migration})
	}
	m.At = Position{Index: l.Applied() + 1, Term: l.term, Incarnation: l.inc, Sequence: l.seq, Version: l.version}
	f.Moved(m)
	l.append(record)
}

func TestSlotsThatLeftGoOnBehindTheirActivation(t *testing.T) {
	source, target := newFakeLog(), newFakeLog()
	from, to := New(source), New(target)
	s := slot.Of([]byte("k"))
	ranges := []slot.Range{{First: s, Last: s}}
	r := from.From(source.at(), allSlots)
	defer r.Close()
	only := from.From(source.at(), Selection{Slots: ranges})
	defer only.Close()
	source.write(set("k", "1"))
	source.move(from, Move{Migration: 7, To: 9, Ranges: ranges})
	source.write(set("other", "1"))
	// The slot comes back later: that is another watch's, behind migration 8.
	source.move(from, Move{Migration: 8, Ranges: ranges})
	source.write(set("k", "3"))
	left := fmt.Sprintf("left %v to 9 by 7", ranges)
	wantSeen(t, r, "k=1", left, "other=1")
	if got, err := seen(only, 1<<20); err != io.EOF || !slices.Equal(got, []string{"k=1", left}) {
		t.Errorf("seen %q, %v", got, err)
	}

	target.write(set("x", "1"))
	if _, known := to.AfterMigration(7, Selection{Slots: ranges}); known {
		t.Error("slots arrive before they have")
	}
	target.move(to, Move{Migration: 7, Ranges: ranges})
	target.write(set("k", "2"))
	on, known := to.AfterMigration(7, Selection{Slots: ranges})
	if !known {
		t.Fatal("the arrival is not known")
	}
	defer on.Close()
	wantSeen(t, on, "k=2")
	if _, known := to.AfterMigration(7, allSlots); known {
		t.Error("slots that did not come by the migration are said to have")
	}
	// What the slots were before they came is in another log.
	_, err := to.AfterVersion(0, Selection{Slots: ranges})
	wantCompacted(t, "a version of the other shard", err, 1)
	if _, err := to.AfterVersion(1, Selection{Slots: ranges}); err != nil {
		t.Error(err)
	}
}

// A replica that has restored a snapshot does not know which slots a record in the log before it has moved.
func TestMovesThatAreNotKnownAreNoGap(t *testing.T) {
	l := newFakeLog()
	token := l.at()
	s := slot.Of([]byte("k"))
	l.move(New(l), Move{Migration: 7, To: 9, Ranges: []slot.Range{{First: s, Last: s}}})
	l.write(set("other", "1"))
	f := New(l)
	f.Restored(l.at())
	r, err := f.Resume(token, allSlots)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = seen(r, 1<<20)
	wantCompacted(t, "a record whose slots are not known", err, 1)
	// A slot that came is a gap for who has watched it as this shard's all the time.
	f, l = nil, newFakeLog()
	f = New(l)
	wide := f.From(l.at(), allSlots)
	defer wide.Close()
	l.move(f, Move{Migration: 7, Ranges: []slot.Range{{First: s, Last: s}}})
	_, err = seen(wide, 1<<20)
	wantCompacted(t, "a slot that came", err, 0)
}

func TestReadersShareWhatWasDecoded(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	one, two := f.From(l.at(), allSlots), f.From(l.at(), allSlots)
	for i := range 100 {
		l.write(set("k", fmt.Sprint(i)))
	}
	_, _ = seen(one, 1<<20)
	reads := l.reads
	_, _ = seen(two, 1<<20)
	if l.reads != reads {
		t.Errorf("the second reader read the log %d times", l.reads-reads)
	}
	one.Close()
	two.Close()
	one.Close() // twice
	if f.Watched() || len(f.ring.records) != 0 {
		t.Errorf("without a reader, watched is %v and the ring has %d records", f.Watched(), len(f.ring.records))
	}
}

func TestRingIsBoundedAndHasNoGap(t *testing.T) {
	var r ring
	for i := uint64(1); i < 5*ringRecords; i++ {
		if i == 2*ringRecords {
			i += 5 // a gap
		}
		r.put(&record{index: i, bytes: int(i%7) * 4 << 10})
		if len(r.records) > ringRecords || r.bytes > ringBytes {
			t.Fatalf("the ring has %d records, %d bytes", len(r.records), r.bytes)
		}
		for j, have := range r.records {
			if have.index != r.records[0].index+uint64(j) {
				t.Fatalf("record %d stands at place %d behind %d", have.index, j, r.records[0].index)
			}
		}
		if got := r.get(i); got == nil || got.index != i {
			t.Fatalf("record %d is not found: %v", i, got)
		}
	}
	r.put(&record{index: 10*ringRecords + 1, bytes: ringBytes + 1})
	if len(r.records) != 0 || r.bytes != 0 {
		t.Errorf("a record larger than the ring is kept: %d records, %d bytes", len(r.records), r.bytes)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h history
	for i := uint64(1); i < 10*marksMax; i++ {
		h.mark(Position{Index: i, Version: i})
		if len(h.marks) > marksMax {
			t.Fatalf("%d marks", len(h.marks))
		}
	}
	if last := h.marks[len(h.marks)-1]; last.Index != 10*marksMax-1 {
		t.Errorf("the last mark is at %d", last.Index)
	}
	for i := uint64(0); i < 3*movesMax; i++ {
		h.move(Move{Migration: i, At: Position{Index: 20*marksMax + i}})
	}
	if len(h.moves) > movesMax {
		t.Errorf("%d moves", len(h.moves))
	}
	if _, _, known := h.moveAt(20 * marksMax); known {
		t.Error("a move that was forgotten is said to be known")
	}
	if _, moved, known := h.moveAt(20*marksMax + 3*movesMax - 1); !moved || !known {
		t.Error("the last move is not known")
	}
}

func TestReaderIsWokenByWhatIsApplied(t *testing.T) {
	l := newFakeLog()
	f := New(l)
	r := f.From(l.at(), allSlots)
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := make(chan []Change)
	go func() {
		for range 100 {
			changes, err := r.Next(ctx, nil, 1<<20)
			if err != nil {
				t.Error(err)
			}
			got <- changes
		}
	}()
	for i := range 100 {
		l.write(set("k", fmt.Sprint(i)))
		f.Wake()
		if changes := <-got; len(changes) != 1 || text(&changes[0]) != fmt.Sprintf("k=%d", i) {
			t.Fatalf("got %v", changes)
		}
	}
}
