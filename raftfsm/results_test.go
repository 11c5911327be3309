package raftfsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
)

func result(sequence uint64, until int64, value string) session.Done {
	return session.Done{ID: session.ID{Client: 1, Sequence: sequence}, Until: until, Result: []byte(value)}
}

// do applies a request with an id: a key is set, and the result remembered.
func (r *replica) do(now int64, key string, d session.Done) {
	v := r.State().Version + 1
	r.put(entry.AppendBatch(nil, r.next(now), &entry.Batch{Version: v, Sections: []entry.Section{{Slot: slot.Of([]byte(key)), Effects: []entry.Effect{
		{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: d.Result, Version: v}, EffectOf(&d, v),
	}}}}))
}

// result is what is remembered of request sequence on the slot of k, "none" if nothing is.
func (r *replica) result(sequence uint64) string {
	sl := r.store.Slot(slotOfK)
	sl.RLock()
	defer sl.RUnlock()
	d, ok := r.store.Sessions().FindLocked(slotOfK, session.ID{Client: 1, Sequence: sequence})
	if !ok {
		return "none"
	}
	return string(d.Result)
}

func (r *replica) wantResult(t *testing.T, what string, sequence uint64, want string) {
	t.Helper()
	if got := r.result(sequence); got != want {
		t.Errorf("%s: result of request %d is %q, want %q", what, sequence, got, want)
	}
}

// remembering is a replica that remembers results of requests, with hand-overs under way.
func remembering() *replica {
	r := busy()
	r.do(1600, "foo{bar}", result(1, 50_000, "one"))
	r.do(1700, "foo{bar}", result(300, 60_000, ""))
	return r
}

func layoutOf(t *testing.T, data []byte) uint32 {
	t.Helper()
	l := newSnapshotLoader(strings.NewReader(string(data)), 7, nil)
	header, err := l.header()
	if err != nil {
		t.Fatal(err)
	}
	return header.FormatVersion
}

func TestResultsSurviveASnapshot(t *testing.T) {
	from := source()
	from.do(1400, "k", result(1, 50_000, "one"))
	from.do(1500, "k", result(2, 1500, "two"))
	for i := range uint64(300) { // several parts, and several frames
		from.do(1500, "k", result(1000+i, 50_000, strings.Repeat(fmt.Sprint(i), 1000)))
	}
	shot, err := from.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer shot.Release()
	want := Digest(from.store, from.State())
	from.do(1600, "k", result(3, 50_000, "later"))
	var sink memorySink
	from.SetSnapshotPace(PaceFull)
	if err := shot.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	to := newReplica()
	to.store.Sessions().PutLocked(slotOfK, result(9, 50_000, "old"), 0)
	if err := to.restore(sink.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got := layoutOf(t, sink.Bytes()); got != snapshotResults {
		t.Errorf("layout %d, want %d", got, snapshotResults)
	}
	to.wantResult(t, "restored", 1, "one")
	to.wantResult(t, "at its end", 2, "two")
	to.wantResult(t, "behind the snapshot", 3, "none")
	to.wantResult(t, "before the snapshot", 9, "none")
	to.wantResult(t, "restored", 1299, strings.Repeat("299", 1000))
	if got := Digest(to.store, to.State()); got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
}

// Programs that do not know results can read what they could have made, also where results have been.
func TestSnapshotWithoutResultsHasTheLayoutOfBefore(t *testing.T) {
	r := source()
	if got := layoutOf(t, r.snapshot(t)); got != snapshotPlain {
		t.Errorf("without results: layout %d, want %d", got, snapshotPlain)
	}
	r.do(1400, "k", result(1, 1500, "one"))
	r.set(r.next(1501), "k", "v", 0)
	if got := layoutOf(t, r.snapshot(t)); got != snapshotPlain {
		t.Errorf("without results that count: layout %d, want %d", got, snapshotPlain)
	}
}

func TestDamagedResultsAreRefused(t *testing.T) {
	done, key := result(1, 50, "one"), entry.Effect{Kind: entry.EffectDel, Reason: entry.ReasonDelete}
	twice := []entry.Effect{EffectOf(&done, 0), EffectOf(&done, 0)}
	for what, p := range map[string]entry.Part{
		"one that comes twice": {Slot: 3, Effects: twice}, "an effect on a key": {Slot: 3, Effects: []entry.Effect{key}},
		"an emptied slot": {Slot: 3, Drop: true}, "a key": {Slot: 3, Items: []entry.Item{item("k", "v")}},
	} {
		if err := loadResults(newReplica().store, entry.AppendPart(nil, &p), 7); !errors.Is(err, ErrBadSnapshot) {
			t.Errorf("%s: %v, want it refused", what, err)
		}
	}
	ended := entry.AppendPart(nil, partOf(3, []session.Done{done}))
	if err := loadResults(newReplica().store, ended, 51); !errors.Is(err, ErrBadSnapshot) {
		t.Errorf("one that has ended: %v, want it refused", err)
	}
	if err := loadResults(newReplica().store, ended[:len(ended)-1], 7); !errors.Is(err, ErrBadSnapshot) {
		t.Errorf("one that is cut: %v, want it refused", err)
	}
	if err := loadResults(newReplica().store, ended, 50); err != nil {
		t.Errorf("a whole one: %v", err)
	}
}

// That a request was applied stays true when its keys are gone, and when the slot is flushed.
func TestResultsOutliveTheKeys(t *testing.T) {
	r := source()
	r.do(1400, "k", result(1, 50_000, "one"))
	r.put(entry.AppendBatch(nil, r.next(1500), &entry.Batch{Version: r.State().Version + 1, Drops: only(slotOfK)}))
	if r.value("k") != "" {
		t.Fatal("the slot was not flushed")
	}
	r.wantResult(t, "after a flush", 1, "one")
	before := Digest(r.store, r.State())
	r.store.Sessions().DropLocked(slotOfK)
	if Digest(r.store, r.State()) == before {
		t.Error("the digest does not tell of a result that one replica has and another has not")
	}
}

// Results come with chunks, and go with the slot: from the source that dropped it, and from a target that gave it up or takes it
// anew.
func TestResultsTravelWithTheirSlot(t *testing.T) {
	s, d := source(), target()
	s.do(1400, "k", result(1, 50_000, "one"))
	at := func(counter uint64) entry.Attempt { return entry.Attempt{Incarnation: 5, Counter: counter} }
	done := func(list ...session.Done) []entry.Part { return []entry.Part{*partOf(slotOfK, list)} }
	d.imports(3, only(slotOfK))
	d.chunk(entry.Chunk{Migration: 3, Attempt: at(1), Parts: done(result(7, 50_000, "of an attempt that was given up"))})
	d.wantResult(t, "with the chunk", 7, "of an attempt that was given up")
	d.chunk(entry.Chunk{Migration: 3, Attempt: at(2), Parts: done(result(1, 50_000, "one"))})
	d.wantResult(t, "of the attempt before", 7, "none")
	d.chunk(entry.Chunk{Migration: 3, Attempt: at(2), Sequence: 1, Parts: []entry.Part{{Slot: slotOfK, Drop: true}}})
	d.chunk(entry.Chunk{Migration: 3, Attempt: at(2), Sequence: 2, Final: true, Version: 1, Time: 3000})
	s.freeze(3, only(slotOfK))
	d.activate(3)
	s.wantResult(t, "frozen", 1, "one")
	s.drop(3)
	d.wantResult(t, "at the target, whose source was flushed meanwhile", 1, "one")
	s.wantResult(t, "at the source that dropped the slot", 1, "none")

	other := target()
	other.imports(4, only(slotOfK))
	other.chunk(entry.Chunk{Migration: 4, Attempt: at(1), Parts: done(result(1, 50_000, "one"))})
	other.discard(4)
	other.wantResult(t, "at a target that gave it up", 1, "none")
}

// To leave out what other replicas apply would diverge.
func TestBatchWithAnUnknownEffectStopsTheReplica(t *testing.T) {
	r := source()
	record := entry.AppendBatch(nil, r.next(1400), &entry.Batch{Sections: []entry.Section{{Slot: slotOfK, Effects: []entry.Effect{{Kind: entry.EffectDel, Reason: entry.ReasonDelete}}}}})
	record = record[:len(record)-4]
	record[len(record)-5] = byte(entry.EffectDone) + 1
	record = binary.LittleEndian.AppendUint32(record, crc32.Checksum(record, castagnoli))
	defer func() {
		if p := recover(); p == nil {
			t.Error("the replica goes on, and differs from those that know the effect")
		}
	}()
	r.put(record)
}
