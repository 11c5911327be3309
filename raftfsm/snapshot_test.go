package raftfsm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// deaf is a listener that only counts.
type deaf struct{ applied, skipped, restored, handovers int }

func (*deaf) SectionAppliedLocked(entry.Header, *entry.Section) {}
func (*deaf) SlotDroppedLocked(entry.Header, slot.ID)           {}
func (d *deaf) HandoverChanged(State)                           { d.handovers++ }
func (d *deaf) Applied(entry.Header, uint64)                    { d.applied++ }
func (d *deaf) Skipped(entry.Header)                            { d.skipped++ }
func (*deaf) Started(entry.ExecutorStart, uint64, bool, State)  {}
func (d *deaf) Restored(State)                                  { d.restored++ }

type memorySink struct{ bytes.Buffer }

func (*memorySink) ID() string    { return "memory" }
func (*memorySink) Cancel() error { return nil }
func (*memorySink) Close() error  { return nil }

// replica is a state machine and its log.
type replica struct {
	*FSM
	deaf  *deaf
	index uint64
}

func newReplica() *replica {
	d := &deaf{}
	return &replica{FSM: New(7, store.New(), d), deaf: d}
}

// owns gives the replica all slots without a record.
func (r *replica) owns() *replica {
	r.setSlots([]slot.Range{{First: 0, Last: slot.Count - 1}}, store.SlotOwned, keepKeys)
	return r
}

func (r *replica) put(record []byte) {
	r.index++
	r.Apply(&raft.Log{Index: r.index, Term: 3, Type: raft.LogCommand, Data: record})
}

func (r *replica) start(now int64) {
	r.put(entry.EncodeExecutorStart(now, entry.ExecutorStart{Nonce: 1, Node: "a"}))
}

func (r *replica) next(now int64) entry.Header {
	s := r.State()
	return entry.Header{Incarnation: s.Incarnation, Sequence: s.Sequence + 1, Time: now}
}

func (r *replica) set(h entry.Header, key, value string, expireAt int64) {
	v := r.State().Version + 1
	r.put(entry.AppendBatch(nil, h, &entry.Batch{Version: v, Sections: []entry.Section{{Slot: slot.Of([]byte(key)), Effects: []entry.Effect{
		{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), ExpireAt: expireAt, Version: v},
	}}}}))
}

func (r *replica) snapshot(t *testing.T) []byte {
	t.Helper()
	s, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var sink memorySink
	if err := s.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	return sink.Bytes()
}

func (r *replica) restore(data []byte) error {
	return r.Restore(io.NopCloser(bytes.NewReader(data)))
}

// full is a replica of which every field of State is set, and whose last record is a LEASE_RELEASE.
func full() *replica {
	r := newReplica()
	r.start(1000)
	r.put(entry.EncodeOwn(r.next(1100), []slot.Range{{First: 0, Last: slot.Count - 1}}))
	r.set(r.next(1200), "k", "v", 0)
	r.set(r.next(1300), "{k}2", "", 99_000)
	r.set(r.next(1400), "other", strings.Repeat("x", 300), 0)
	r.put(entry.EncodeLeaseRelease(r.next(1500)))
	return r
}

// A field that the snapshot forgets makes replicas differ: each of them decides what applies, or what time it is.
func TestEveryFieldOfTheStateSurvivesASnapshot(t *testing.T) {
	from := busy()
	want := from.State()
	for i := range reflect.TypeFor[Handover]().NumField() {
		source, target := reflect.ValueOf(want.Handovers[0]).Field(i), reflect.ValueOf(want.Handovers[1]).Field(i)
		if source.IsZero() && target.IsZero() {
			t.Errorf("%s is not set: the test proves nothing about it", reflect.TypeFor[Handover]().Field(i).Name)
		}
	}
	for i, v := 0, reflect.ValueOf(want); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not set: the test proves nothing about it", v.Type().Field(i).Name)
		}
	}
	to := newReplica()
	data := from.snapshot(t)
	if err := to.restore(data); err != nil {
		t.Fatal(err)
	}
	if got := to.State(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if again := to.snapshot(t); !bytes.Equal(again, data) {
		t.Error("the snapshot of a restored replica differs from the one it was restored from")
	}
}

// Layout 2 is what a shard writes that has never seen a hand-over, as programs did that knew none; layout 3 has hand-overs,
// layout 4 results of requests, layout 5 keys with fields.
func TestSnapshotBytesAreThoseOfTheGoldenFile(t *testing.T) {
	for file, from := range map[string]*replica{"testdata/snapshot.txt": full(), "testdata/snapshot3.txt": busy(), "testdata/snapshot4.txt": remembering(), "testdata/snapshot5.txt": fielded()} {
		got := hex.EncodeToString(from.snapshot(t)) + "\n"
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the layout has changed: replicas of the version before cannot read it\ngot  %swant %s", file, got, want)
		}
		data, err := hex.DecodeString(strings.TrimSpace(string(want)))
		if err != nil {
			t.Fatal(err)
		}
		if to := restored(t, data); !reflect.DeepEqual(to.State(), from.State()) || Digest(to.store, to.State()) != Digest(from.store, from.State()) {
			t.Errorf("%s is loaded as %+v, want %+v", file, to.State(), from.State())
		}
	}
}

// Flipped bits and cuts at every place, frame borders among them, are found out, and nothing is changed by the attempt.
func TestDamagedSnapshotChangesNothing(t *testing.T) {
	good := busy().snapshot(t)
	r := newReplica()
	r.start(1)
	r.put(entry.EncodeOwn(r.next(2), []slot.Range{{First: 0, Last: slot.Count - 1}}))
	r.set(r.next(3), "mine", "kept", 0)
	state, content := r.State(), r.snapshot(t)
	try := func(what string, data []byte) {
		t.Helper()
		if err := r.restore(data); err == nil {
			t.Errorf("%s: no error", what)
		}
		if !reflect.DeepEqual(r.State(), state) || r.deaf.restored != 0 {
			t.Fatalf("%s: the state has changed", what)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		try(fmt.Sprintf("byte %d of %d flipped", i, len(good)), bad)
		try(fmt.Sprintf("cut at byte %d of %d", i, len(good)), good[:i])
	}
	try("a frame twice", append(bytes.Clone(good), good[len(good)-lastFrame(good):]...))
	if !bytes.Equal(r.snapshot(t), content) {
		t.Error("the content has changed")
	}
	other := New(8, store.New(), &deaf{})
	if err := other.Restore(io.NopCloser(bytes.NewReader(good))); !errors.Is(err, ErrBadSnapshot) {
		t.Errorf("the snapshot of another group: got %v", err)
	}
}

// lastFrame is the length of the last frame.
func lastFrame(data []byte) int {
	at := len(snapshotMagic)
	for {
		n := frameHeadBytes + int(binary.LittleEndian.Uint32(data[at+8:]))
		if at+n == len(data) {
			return n
		}
		at += n
	}
}
