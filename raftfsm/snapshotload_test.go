package raftfsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// bytesOf is the snapshot of a state machine, written at a pace.
func bytesOf(t testing.TB, f *FSM, p Pace) []byte {
	t.Helper()
	f.SetSnapshotPace(p)
	s, err := f.Snapshot()
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

func restored(t testing.TB, data []byte) *FSM {
	t.Helper()
	to := New(7, store.New(), &deaf{})
	if err := to.Restore(io.NopCloser(bytes.NewReader(data))); err != nil {
		t.Fatal(err)
	}
	if err := to.store.Check(); err != nil {
		t.Fatal(err)
	}
	return to
}

func load(s *store.Store, key string, item store.Item) {
	sl := s.Slot(slot.Of([]byte(key)))
	sl.Lock()
	sl.LoadLocked([]byte(key), &item)
	sl.Unlock()
}

// A slot that is much larger than a chunk, values larger than a chunk, keys with every field set: all come back, with
// their access stamps, whoever wrote and loaded how many chunks at a time.
func TestLargeSlotsAndValuesSurviveASnapshot(t *testing.T) {
	s := store.New()
	for i := range 20_000 {
		load(s, fmt.Sprintf("{big}%d", i), store.Item{Type: entry.TypeString, Value: []byte(strings.Repeat("v", i%100)), Version: uint64(i), Access: store.Access(i)})
	}
	for i := range 5_000 {
		load(s, fmt.Sprint("key", i), store.Item{Type: 200, Value: []byte("x"), Version: 1 << 40, ExpireAt: 1 << 41, Access: 1<<24 - 1})
	}
	load(s, "huge", store.Item{Type: entry.TypeString, Value: bytes.Repeat([]byte("0123456789abcdef"), 3*chunkBytes/16), Version: 9})
	for i := range soloChunks + 8 { // so many that more than one worker loads them
		load(s, fmt.Sprint("chunk", i), store.Item{Type: entry.TypeString, Value: bytes.Repeat([]byte{byte(i)}, chunkBytes), Version: uint64(i)})
	}
	load(s, "", store.Item{Type: entry.TypeString})
	for id := slot.ID(100); id < 9000; id++ {
		s.Slot(id).SetStateLocked(store.SlotOwned)
	}
	from := New(7, s, &deaf{})
	for _, pace := range []Pace{PaceBackground, PaceFull} {
		data := bytesOf(t, from, pace)
		to := restored(t, data)
		if got, want := to.store.Digest(), s.Digest(); got != want {
			t.Errorf("pace %d: digest %x, want %x", pace, got, want)
		}
		for _, key := range []string{"{big}19999", "key7", "huge", "chunk70"} {
			want, _ := s.Slot(slot.Of([]byte(key))).GetLocked([]byte(key))
			got, ok := to.store.Slot(slot.Of([]byte(key))).GetLocked([]byte(key))
			if !ok || got.Access != want.Access {
				t.Errorf("pace %d: %s has stamp %x, want %x", pace, key, got.Access, want.Access)
			}
		}
		for at := len(snapshotMagic); at < len(data); {
			if raw := binary.LittleEndian.Uint32(data[at+12:]); raw > 4*chunkBytes {
				t.Errorf("a chunk of %d bytes", raw)
			}
			at += frameHeadBytes + int(binary.LittleEndian.Uint32(data[at+8:]))
		}
	}
}

// What is written while a snapshot is under way is not in it, and the FSM hears how long it was kept.
func TestSnapshotHoldsTheMomentItWasTaken(t *testing.T) {
	r := full()
	want := r.store.Digest()
	s, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	state := r.State()
	r.start(2000)
	r.set(r.next(2000), "k", "later", 0)
	r.set(r.next(2000), "new", "later", 0)
	r.set(r.next(2000), "new", "later still", 0)
	var sink memorySink
	if err := s.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	s.Release()
	to := restored(t, sink.Bytes())
	if !reflect.DeepEqual(to.State(), state) || to.store.Digest() != want {
		t.Error("the snapshot shows a later moment")
	}
	if held := r.Held(); held.Max == 0 || held.Classes[0]+held.Classes[1]+held.Classes[2]+held.Classes[3] != 3 {
		t.Errorf("a capture and the first writes to two slots were counted as %+v", held)
	}
	if r.Unsaved() != 3 {
		t.Errorf("%d changes since the snapshot, want the 3 that came after it", r.Unsaved())
	}
}

// failingSink fails after some bytes.
type failingSink struct {
	memorySink
	left     int
	canceled bool
}

var errFull = errors.New("no space left on device")

func (k *failingSink) Write(p []byte) (int, error) {
	if k.left -= len(p); k.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func (k *failingSink) Cancel() error { k.canceled = true; return nil }

func TestFailedSnapshotIsCanceledAndTheNextOneIsWhole(t *testing.T) {
	f := New(7, filled(20_000), &deaf{})
	f.snapshots.changes.Store(5)
	for _, pace := range []Pace{PaceBackground, PaceFull} {
		f.SetSnapshotPace(pace)
		for _, room := range []int{0, 20, 1 << 19} {
			s, err := f.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			sink := &failingSink{left: room}
			if err := s.Persist(sink); !errors.Is(err, errFull) || !sink.canceled {
				t.Errorf("pace %d, room for %d bytes: %v, canceled %v", pace, room, err, sink.canceled)
			}
			s.Release()
		}
	}
	if f.Unsaved() != 5 {
		t.Errorf("%d unsaved changes after failed snapshots, want all 5", f.Unsaved())
	}
	if got, want := restored(t, bytesOf(t, f, PaceFull)).store.Digest(), f.store.Digest(); got != want || f.Unsaved() != 0 {
		t.Errorf("digest %x, want %x; %d unsaved", got, want, f.Unsaved())
	}
}

// A replica that is being closed does not wait for a snapshot, and takes none for whole that it has cut.
func TestStoppedSnapshotFails(t *testing.T) {
	for _, pace := range []Pace{PaceBackground, PaceFull} {
		f := New(7, filled(20_000), &deaf{})
		f.SetSnapshotPace(pace)
		s, err := f.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		f.StopSnapshots()
		if err := s.Persist(&memorySink{}); !errors.Is(err, errStopped) {
			t.Errorf("pace %d: %v, want %v", pace, err, errStopped)
		}
		s.Release()
	}
}

// Frames that are lost, doubled or swapped have good checksums each.
func TestFramesInAnotherOrderAreRefused(t *testing.T) {
	data := bytesOf(t, New(7, filled(20_000), &deaf{}), PaceBackground)
	var frames [][]byte
	for at := len(snapshotMagic); at < len(data); {
		n := frameHeadBytes + int(binary.LittleEndian.Uint32(data[at+8:]))
		frames = append(frames, data[at:at+n])
		at += n
	}
	if len(frames) < 5 {
		t.Fatalf("%d frames are too few for this test", len(frames))
	}
	join := func(order ...int) []byte {
		out := []byte(snapshotMagic)
		for _, i := range order {
			out = append(out, frames[i]...)
		}
		return out
	}
	last := len(frames) - 1
	swapped := []int{0, 2, 1}
	for i := 3; i <= last; i++ {
		swapped = append(swapped, i)
	}
	for what, bad := range map[string][]byte{
		"lost": join(0, last), "doubled": join(0, 1, 1, last), "swapped": join(swapped...), "footer alone": join(last), "nothing": nil,
	} {
		to := New(7, store.New(), &deaf{})
		if err := to.Restore(io.NopCloser(bytes.NewReader(bad))); !errors.Is(err, ErrBadSnapshot) || to.store.Len() != 0 {
			t.Errorf("%s: %v, %d keys", what, err, to.store.Len())
		}
	}
}

func TestReaderErrorIsNotTakenForDamage(t *testing.T) {
	data := bytesOf(t, New(7, filled(5_000), &deaf{}), PaceFull)
	broken := errors.New("input/output error")
	r := io.MultiReader(bytes.NewReader(data[:len(data)/2]), failingReader{broken})
	if err := New(7, store.New(), &deaf{}).Restore(io.NopCloser(r)); !errors.Is(err, broken) || errors.Is(err, ErrBadSnapshot) {
		t.Errorf("got %v, want %v alone", err, broken)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// sealed is a snapshot of chunks that a hostile writer made: their checksums are right.
func sealed(chunks ...frame) []byte {
	var out bytes.Buffer
	out.WriteString(snapshotMagic)
	w := frameWriter{to: &out}
	header := full().snapshotHeader()
	_ = w.write(frame{kind: frameHeader, body: append(make([]byte, frameHeadBytes), header...)})
	for _, c := range chunks {
		_ = w.write(c)
	}
	return out.Bytes()
}

func (r *replica) snapshotHeader() []byte {
	var sink memorySink
	s, _ := r.Snapshot()
	_ = s.Persist(&sink)
	s.Release()
	data := sink.Bytes()[len(snapshotMagic):]
	return data[frameHeadBytes : frameHeadBytes+int(binary.LittleEndian.Uint32(data[8:]))]
}

// FuzzSnapshotReader gives the reader what a hostile writer could make: any chunk with a good checksum, packed or not,
// and any bytes at all. It never panics, and what it accepts is a whole store.
func FuzzSnapshotReader(f *testing.F) {
	good := full().snapshotHeader()
	f.Add([]byte{1, 0, 1, 0, 0, 0}, byte(codecNone), uint32(6))
	f.Add(s2.Encode(nil, bytes.Repeat([]byte{0}, 1<<16)), byte(codecS2), uint32(1<<16))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, byte(codecS2), uint32(1<<28))
	f.Add(good, byte(7), uint32(0))
	f.Fuzz(func(t *testing.T, body []byte, codec byte, rawBytes uint32) {
		for _, data := range [][]byte{
			sealed(frame{kind: frameChunk, codec: codec, rawBytes: int(rawBytes % (frameBytesMax + 1)), body: append(make([]byte, frameHeadBytes), body...)}),
			append([]byte(snapshotMagic), body...),
		} {
			to := New(7, store.New(), &deaf{})
			if err := to.Restore(io.NopCloser(bytes.NewReader(data))); err == nil {
				t.Error("a snapshot without a footer was accepted")
			}
		}
		s := store.New()
		fr := frame{kind: frameChunk, codec: codec, rawBytes: int(rawBytes), body: body}
		raw, err := fr.unpack(nil)
		if err != nil {
			return
		}
		if _, err := loadChunk(s, raw, snapshotFields); err == nil || errors.Is(err, ErrBadSnapshot) {
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			return
		}
		t.Errorf("an error that does not say that the snapshot is damaged: %v", err)
	})
}

// A length that a head claims costs memory only as far as bytes stand behind it.
func TestClaimedLengthCostsNoMemory(t *testing.T) {
	var head [frameHeadBytes]byte
	head[0] = frameHeader
	binary.LittleEndian.PutUint32(head[8:], frameBytesMax)
	binary.LittleEndian.PutUint32(head[frameSumAt:], crc32.Checksum(head[:frameSumAt], castagnoli))
	data := append([]byte(snapshotMagic), head[:]...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fr := frameReader{from: bytes.NewReader(data[len(snapshotMagic):])}
	if _, err := fr.read(nil); !errors.Is(err, ErrBadSnapshot) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 4<<20 {
		t.Errorf("%d bytes were allocated for a frame that is not there", allocated)
	}
}

// Counters that are read as clocks would make every key the oldest or the newest of all.
func TestSnapshotTellsHowItsStampsAreRead(t *testing.T) {
	for _, kind := range []store.StampKind{store.StampsLRU, store.StampsLFU} {
		from := New(7, filled(10), &deaf{})
		from.store.SetStampKind(kind)
		to := New(7, store.New(), &deaf{})
		to.store.SetStampKind(store.StampsLRU + store.StampsLFU - kind)
		if err := to.Restore(io.NopCloser(bytes.NewReader(bytesOf(t, from, PaceFull)))); err != nil {
			t.Fatal(err)
		}
		if got := to.store.StampKind(); got != kind {
			t.Errorf("kind %d after the load, want %d", got, kind)
		}
	}
}
