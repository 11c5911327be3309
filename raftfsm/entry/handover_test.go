package entry

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

var sampleChunk = Chunk{
	Migration: 3, Attempt: Attempt{Incarnation: 77, Counter: 2}, Sequence: 5, Version: 1 << 41, Time: 1700000000456,
	Parts: []Part{
		{Slot: 12182, Items: []Item{
			{Key: []byte("foo"), Value: []byte("bar"), Type: TypeString, ExpireAt: 1700000000123, Version: 1 << 40, Access: 0xabcdef},
			{Key: []byte{}, Value: []byte{}, Type: 200},
		}},
		{Slot: 0, Drop: true},
		{Slot: 12182, Drop: true, Items: []Item{{Key: []byte("a"), Value: []byte{0}, Version: 1}}, Effects: sample.Sections[0].Effects},
		{Slot: 16383, Effects: sample.Sections[1].Effects},
	},
}

var resultChunk = Chunk{Migration: 3, Attempt: Attempt{Incarnation: 77, Counter: 2}, Parts: []Part{{Slot: 12182, Effects: results.Sections[0].Effects}}}

func TestRecordsOfAHandOverComeBackAsTheyWere(t *testing.T) {
	h := Header{Incarnation: 7, Sequence: 9, Time: 5}
	ranges := []slot.Range{{First: 1, Last: 2}, {First: 9, Last: 16383}}
	for _, c := range []struct {
		kind   Kind
		want   any
		record []byte
		decode func(body []byte) (any, error)
	}{
		{KindFreeze, Freeze{3, 9, ranges}, EncodeFreeze(h, Freeze{3, 9, ranges}), func(b []byte) (any, error) { return DecodeFreeze(b) }},
		{KindUnfreeze, Unfreeze{3}, EncodeUnfreeze(h, Unfreeze{3}), func(b []byte) (any, error) { return DecodeUnfreeze(b) }},
		{KindDrop, Drop{3}, EncodeDrop(h, Drop{3}), func(b []byte) (any, error) { return DecodeDrop(b) }},
		{KindImport, Import{3, 8, ranges}, EncodeImport(h, Import{3, 8, ranges}), func(b []byte) (any, error) { return DecodeImport(b) }},
		{KindChunk, sampleChunk, EncodeChunk(h, sampleChunk), func(b []byte) (any, error) { return DecodeChunk(b) }},
		{KindChunk, resultChunk, EncodeChunk(h, resultChunk), func(b []byte) (any, error) { return DecodeChunk(b) }},
		{KindActivate, Activate{3}, EncodeActivate(h, Activate{3}), func(b []byte) (any, error) { return DecodeActivate(b) }},
		{KindDiscard, Discard{3}, EncodeDiscard(h, Discard{3}), func(b []byte) (any, error) { return DecodeDiscard(b) }},
		{KindMigrationEnd, MigrationEnd{3, ranges}, EncodeMigrationEnd(h, MigrationEnd{3, ranges}), func(b []byte) (any, error) { return DecodeMigrationEnd(b) }},
	} {
		got, body, err := DecodeHeader(c.record)
		if want := (Header{Kind: c.kind, Incarnation: 7, Sequence: 9, Time: 5}); err != nil || got != want {
			t.Errorf("%T: header %+v, %v, want %+v", c.want, got, err, want)
		}
		if got, err := c.decode(body); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: %v, got\n%+v\nwant\n%+v", c.want, err, got, c.want)
		}
		for n := range body {
			if _, err := c.decode(body[:n]); n < len(body) && !errors.Is(err, ErrCorrupt) && !wholeParts(c.kind, body[:n]) {
				t.Errorf("%T cut to %d of %d bytes: %v", c.want, n, len(body), err)
			}
		}
		if _, err := c.decode(append(bytes.Clone(body), 0)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%T with a byte too many: %v", c.want, err)
		}
	}
}

// wholeParts tells whether a chunk was cut between its parts: that is a chunk too, and only its checksum tells that it was longer.
func wholeParts(kind Kind, body []byte) bool {
	if kind != KindChunk {
		return false
	}
	c, err := DecodeChunk(body)
	return err == nil && (len(c.Parts) == 0 || c.Sequence == sampleChunk.Sequence && len(c.Parts) < len(sampleChunk.Parts))
}

// The room that one chunk was decoded into serves the next, and leaves nothing of the first behind.
func TestChunkIsDecodedIntoTheRoomOfAnother(t *testing.T) {
	h := Header{Incarnation: 1, Sequence: 1}
	var used Chunk
	for _, want := range []Chunk{sampleChunk, resultChunk, {Migration: 9, Time: 1}, sampleChunk} {
		_, body, err := DecodeHeader(EncodeChunk(h, want))
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeChunkInto(body, &used); err != nil {
			t.Fatal(err)
		}
		if got := append([]Part(nil), used.Parts...); !reflect.DeepEqual(got, want.Parts) || used.Migration != want.Migration || used.Final != want.Final {
			t.Errorf("got %+v, want %+v", used, want)
		}
		used.Forget()
		for _, it := range used.items[:cap(used.items)] {
			if it.Key != nil || it.Value != nil {
				t.Errorf("a chunk that was emptied keeps the key %q", it.Key)
			}
		}
	}
}

// Who sends chunks encodes their parts one by one, long before it knows their number.
func TestPartsThatWereEncodedOneByOneMakeTheSameChunk(t *testing.T) {
	var parts []byte
	for i := range sampleChunk.Parts {
		parts = AppendPart(parts, &sampleChunk.Parts[i])
	}
	if got, err := DecodeParts(parts); err != nil || !reflect.DeepEqual(got, sampleChunk.Parts) {
		t.Errorf("%v, got\n%+v\nwant\n%+v", err, got, sampleChunk.Parts)
	}
	head := sampleChunk
	head.Parts = nil
	if got, want := EncodeChunkOf(Header{Sequence: 1}, head, parts), EncodeChunk(Header{Sequence: 1}, sampleChunk); !bytes.Equal(got, want) {
		t.Errorf("got\n%x\nwant\n%x", got, want)
	}
}

// Equal sets of slots have one form on disk; any other is refused.
func TestRangesOfAHandOverAreNormal(t *testing.T) {
	messy := []slot.Range{{First: 9, Last: 12}, {First: 1, Last: 2}, {First: 3, Last: 4}, {First: 10, Last: 10}}
	want := []slot.Range{{First: 1, Last: 4}, {First: 9, Last: 12}}
	_, body, _ := DecodeHeader(EncodeFreeze(Header{}, Freeze{Migration: 1, Ranges: messy}))
	if f, err := DecodeFreeze(body); err != nil || !reflect.DeepEqual(f.Ranges, want) {
		t.Errorf("%v %v, want %v", err, f.Ranges, want)
	}
	for _, bad := range [][]slot.Range{messy, {{First: 1, Last: 2}, {First: 3, Last: 4}}, {{First: 1, Last: 2}, {First: 2, Last: 4}}, {{First: 4, Last: 3}}, {{First: 0, Last: slot.Count}}} {
		body := appendRanges(appendMigration(Header{}, KindMigrationEnd, 1), bad)[headerBytes:]
		if m, err := DecodeMigrationEnd(body); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v was read as %v", bad, m.Ranges)
		}
	}
}

func TestLaterAttemptIsOneOfALaterIncarnationOrALaterStream(t *testing.T) {
	order := []Attempt{{}, {0, 1}, {1, 0}, {1, 1}, {1, 9}, {2, 0}, {2, 1}}
	for i, a := range order {
		for j, b := range order {
			if got := a.After(b); got != (i > j) {
				t.Errorf("%v after %v: %v", a, b, got)
			}
		}
	}
}

func FuzzDecodeHandoverNeverPanics(f *testing.F) {
	f.Add(EncodeChunk(Header{}, sampleChunk)[headerBytes:])
	f.Add(EncodeChunk(Header{}, resultChunk)[headerBytes:])
	f.Add(EncodeFreeze(Header{}, Freeze{Migration: 1, To: 2, Ranges: sample.Drops})[headerBytes:])
	f.Add(EncodeMigrationEnd(Header{}, MigrationEnd{Migration: 1, Ranges: sample.Drops})[headerBytes:])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= trailerBytes { // seeds carry their checksum
			decodeHandover(t, data[:len(data)-trailerBytes])
		}
		decodeHandover(t, data)
	})
}

// decodeHandover decodes data as everything it could be. What can be read is read again from what is written of it.
func decodeHandover(t *testing.T, data []byte) {
	if x, err := DecodeFreeze(data); err == nil {
		again(t, x, EncodeFreeze(Header{}, x), DecodeFreeze)
	}
	if x, err := DecodeUnfreeze(data); err == nil {
		again(t, x, EncodeUnfreeze(Header{}, x), DecodeUnfreeze)
	}
	if x, err := DecodeDrop(data); err == nil {
		again(t, x, EncodeDrop(Header{}, x), DecodeDrop)
	}
	if x, err := DecodeImport(data); err == nil {
		again(t, x, EncodeImport(Header{}, x), DecodeImport)
	}
	if x, err := DecodeActivate(data); err == nil {
		again(t, x, EncodeActivate(Header{}, x), DecodeActivate)
	}
	if x, err := DecodeDiscard(data); err == nil {
		again(t, x, EncodeDiscard(Header{}, x), DecodeDiscard)
	}
	if x, err := DecodeMigrationEnd(data); err == nil {
		again(t, x, EncodeMigrationEnd(Header{}, x), DecodeMigrationEnd)
	}
	if x, err := DecodeChunk(data); err == nil {
		again(t, x, EncodeChunk(Header{}, x), DecodeChunk)
	}
	_, _ = DecodeParts(data)
}

func again[X any](t *testing.T, x X, record []byte, decode func([]byte) (X, error)) {
	t.Helper()
	_, body, err := DecodeHeader(record)
	if err != nil {
		t.Fatalf("%T: %v", x, err)
	}
	if y, err := decode(body); err != nil || fmt.Sprint(x) != fmt.Sprint(y) {
		t.Fatalf("%v, changed in a round trip:\n%+v\n%+v", err, x, y)
	}
}
