package entry

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holtcache/holt/proto/slot"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew instead of comparing with it")

var sample = Batch{
	Version: 1 << 40,
	Drops:   []slot.Range{{First: 3, Last: 9}, {First: 16383, Last: 16383}},
	Sections: []Section{
		{Slot: 12182, Effects: []Effect{
			{Kind: EffectSet, Type: TypeString, Key: []byte("foo"), Value: []byte("bar"), ExpireAt: 1700000000123, Version: 1<<40 - 5},
			{Kind: EffectPatch, Type: TypeString, Key: []byte("foo2"), Offset: 4096, Value: []byte{0, 0xff}, Version: 1<<40 - 4},
		}},
		{Slot: 0, Effects: []Effect{
			{Kind: EffectDel, Reason: ReasonExpire, Key: []byte{}, Version: 1<<40 - 1},
			{Kind: EffectExpire, Type: TypeString, Key: []byte("k"), ExpireAt: 0, Version: 1 << 40},
		}},
	},
}

// results is a batch with the results of requests.
var results = Batch{
	Version: 1 << 40,
	Sections: []Section{{Slot: 12182, Effects: []Effect{
		{Kind: EffectSet, Type: TypeString, Key: []byte("foo"), Value: []byte("1"), Version: 1 << 40},
		{Kind: EffectDone, Key: []byte{}, Client: 0x0102030405060708, Sequence: 300, ExpireAt: 1700000000123, Value: []byte("result"), Version: 1 << 40},
		{Kind: EffectDone, Key: []byte{}, Client: 1, Value: []byte{}, Version: 1 << 40},
	}}},
}

// The encoding stands in logs on disk: these bytes may not change without a new FormatVersion.
func TestRecordsHaveTheirGoldenBytes(t *testing.T) {
	h := Header{Incarnation: 7, Sequence: 9, Time: 1700000000000}
	records := []struct {
		name string
		data []byte
	}{
		{"batch", AppendBatch(nil, h, &sample)},
		{"results", AppendBatch(nil, h, &results)},
		{"empty batch", AppendBatch(nil, h, &Batch{Version: 1})},
		{"executor start", EncodeExecutorStart(1700000000000, ExecutorStart{Nonce: 0x0102030405060708, Node: "node-a"})},
		{"lease release", EncodeLeaseRelease(h)},
		{"own", EncodeOwn(h, []slot.Range{{First: 0, Last: 5460}})},
		{"freeze", EncodeFreeze(h, Freeze{Migration: 3, To: 9, Ranges: sample.Drops})},
		{"unfreeze", EncodeUnfreeze(h, Unfreeze{Migration: 3})},
		{"drop", EncodeDrop(h, Drop{Migration: 3})},
		{"import", EncodeImport(h, Import{Migration: 3, From: 8, Ranges: sample.Drops})},
		{"chunk", EncodeChunk(h, sampleChunk)},
		{"final chunk", EncodeChunk(h, Chunk{Migration: 3, Sequence: 1, Final: true})},
		{"activate", EncodeActivate(h, Activate{Migration: 3})},
		{"discard", EncodeDiscard(h, Discard{Migration: 3})},
		{"effects on fields", AppendBatch(nil, h, &fieldEffects)},
		{"chunk with fields", EncodeChunk(h, fieldChunk)},
		{"migration end", EncodeMigrationEnd(h, MigrationEnd{Migration: 3, Ranges: sample.Drops})},
	}
	var got strings.Builder
	for _, r := range records {
		fmt.Fprintf(&got, "%s:\n%s\n", r.name, hex.Dump(r.data))
	}
	path := filepath.Join("testdata", "records.txt")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("encoding changed; got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestBatchComesBackAsItWas(t *testing.T) {
	data := AppendBatch(nil, Header{Incarnation: 7, Sequence: 9, Time: 5}, &sample)
	h, body, err := DecodeHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Header{Kind: KindBatch, Incarnation: 7, Sequence: 9, Time: 5}); h != want || PeekHeader(data) != want {
		t.Errorf("header %+v, want %+v", h, want)
	}
	var got Batch
	err = DecodeBatch(body, &got)
	shown := Batch{Version: got.Version, Drops: got.Drops, Sections: got.Sections}
	if err != nil || !reflect.DeepEqual(shown, sample) {
		t.Errorf("err %v, got\n%+v\nwant\n%+v", err, got, sample)
	}
	// A decoder's slices are used again without a trace of the batch before.
	_, body, _ = DecodeHeader(AppendBatch(nil, Header{}, &Batch{Version: 2}))
	if err := DecodeBatch(body, &got); err != nil || len(got.Sections) != 0 || len(got.Drops) != 0 || got.Version != 2 {
		t.Errorf("err %v, got %+v", err, got)
	}
}

func TestControlRecordsComeBackAsTheyWere(t *testing.T) {
	start := ExecutorStart{Nonce: 42, Node: "n"}
	_, body, err := DecodeHeader(EncodeExecutorStart(3, start))
	if got, err2 := DecodeExecutorStart(body); err != nil || err2 != nil || got != start {
		t.Errorf("%v %v %+v", err, err2, got)
	}
	ranges := []slot.Range{{First: 1, Last: 2}, {First: 9, Last: 16383}}
	h, body, err := DecodeHeader(EncodeOwn(Header{Incarnation: 1, Sequence: 2}, ranges))
	if got, err2 := DecodeOwn(body); err != nil || err2 != nil || !reflect.DeepEqual(got, ranges) || h.Kind != KindOwn {
		t.Errorf("%v %v %+v %+v", err, err2, got, h)
	}
	_, body, err = DecodeHeader(EncodeLeaseRelease(Header{Incarnation: 1, Sequence: 2}))
	if err != nil || DecodeLeaseRelease(body) != nil {
		t.Errorf("%v", err)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	data := AppendBatch(nil, Header{Incarnation: 7, Sequence: 9, Time: 5}, &sample)
	for i := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, err := DecodeHeader(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d flipped: err %v", i, err)
		}
	}
	for n := range data {
		if _, _, err := DecodeHeader(data[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: err %v", n, err)
		}
	}
}

func TestAnotherFormatVersionIsRefusedAndNamed(t *testing.T) {
	data := appendTrailer(append([]byte{2}, make([]byte, headerBytes-1)...), 0)
	if _, _, err := DecodeHeader(data); err == nil || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("err %v", err)
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	f.Add(AppendBatch(nil, Header{}, &sample)[headerBytes:])
	f.Add(AppendBatch(nil, Header{}, &results)[headerBytes:])
	f.Add(AppendBatch(nil, Header{}, &fieldEffects)[headerBytes:])
	f.Add(EncodeOwn(Header{}, []slot.Range{{First: 0, Last: 1}})[headerBytes:])
	f.Add(EncodeExecutorStart(1, ExecutorStart{Node: "x"})[headerBytes:])
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = DecodeHeader(data)
		_, _ = DecodeExecutorStart(data)
		_, _ = DecodeOwn(data)
		var b Batch
		if DecodeBatch(data, &b) != nil {
			return
		}
		var again Batch
		_, body, err := DecodeHeader(AppendBatch(nil, Header{}, &b))
		if err != nil || DecodeBatch(body, &again) != nil || !equalBatches(&b, &again) {
			t.Fatalf("batch changed in a round trip:\n%+v\n%+v", b, again)
		}
	})
}

func equalBatches(a, b *Batch) bool {
	return a.Version == b.Version && fmt.Sprint(a.Drops) == fmt.Sprint(b.Drops) && fmt.Sprint(a.Sections) == fmt.Sprint(b.Sections)
}

// model is what a plain map makes of effects that are applied one by one, without composing.
type model map[string]Effect

func (m model) apply(s slot.ID, e Effect) {
	old, exists := m[string(e.Key)]
	switch e.Kind {
	case EffectSet:
		m[string(e.Key)] = e
	case EffectDel:
		delete(m, string(e.Key))
	case EffectExpire:
		if exists {
			old.ExpireAt, old.Version = e.ExpireAt, e.Version
			m[string(e.Key)] = old
		}
	case EffectPatch:
		if exists {
			old.Value, old.Version = Patched(old.Value, int(e.Offset), e.Value), e.Version
			m[string(e.Key)] = old
		}
	}
}

func (m model) drop(r slot.Range) {
	for k := range m {
		if r.Contains(slot.Of([]byte(k))) {
			delete(m, k)
		}
	}
}

// Composing is right if the composed batch leaves the same state as its effects one by one, from any state before.
func TestComposedBatchEqualsItsEffectsOneByOne(t *testing.T) {
	keys := []string{"a", "b", "{a}c", "foo"}
	rapid.Check(t, func(t *rapid.T) {
		plain, composed := model{}, model{}
		for i, k := range keys[:2] {
			e := Effect{Kind: EffectSet, Type: TypeString, Key: []byte(k), Value: []byte("before"), Version: uint64(i)}
			plain.apply(slot.Of(e.Key), e)
			composed.apply(slot.Of(e.Key), e)
		}
		b := NewBuilder()
		for version := uint64(10); version < uint64(10+rapid.IntRange(0, 30).Draw(t, "effects")); version++ {
			key := []byte(rapid.SampledFrom(keys).Draw(t, "key"))
			s := slot.Of(key)
			e := Effect{Kind: EffectKind(rapid.IntRange(1, 5).Draw(t, "kind")), Key: b.Copy(key), Version: version}
			_, exists := plain[string(key)]
			switch e.Kind {
			case EffectSet:
				e.Type, e.Value, e.ExpireAt = TypeString, b.Copy([]byte(fmt.Sprint("v", version))), int64(version%3)
			case EffectPatch:
				if !exists {
					continue
				}
				e.Value, e.Offset = b.Copy([]byte("PP")), uint64(rapid.IntRange(0, len(plain[string(key)].Value)).Draw(t, "offset"))
			case EffectExpire:
				if !exists {
					continue
				}
				e.ExpireAt = int64(version)
			case EffectDone: // stands for a drop here
				r := slot.Range{First: s, Last: s}
				plain.drop(r)
				b.Drop([]slot.Range{r}, version)
				continue
			}
			plain.apply(s, e)
			b.Add(s, e)
		}
		var batch Batch
		_, body, err := DecodeHeader(AppendBatch(nil, Header{}, b.Batch()))
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeBatch(body, &batch); err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Drops {
			composed.drop(r)
		}
		for _, section := range batch.Sections {
			for _, e := range section.Effects {
				composed.apply(section.Slot, e)
			}
		}
		for _, k := range keys {
			p, c := plain[k], composed[k]
			if string(p.Value) != string(c.Value) || p.ExpireAt != c.ExpireAt || p.Version != c.Version {
				t.Fatalf("key %s: one by one %+v, composed %+v", k, p, c)
			}
		}
	})
}

func TestHotKeyCostsOneEffectABatch(t *testing.T) {
	b := NewBuilder()
	for i := range 1000 {
		b.Add(5, Effect{Kind: EffectSet, Type: TypeString, Key: b.Copy([]byte("n")), Value: b.Copy(fmt.Append(nil, i)), Version: uint64(i)})
	}
	batch := b.Batch()
	if len(batch.Sections) != 1 || len(batch.Sections[0].Effects) != 1 || string(batch.Sections[0].Effects[0].Value) != "999" || batch.Version != 999 {
		t.Errorf("got %+v", batch)
	}
	b.Reset()
	if !b.Empty() || b.SizeBytes() != 0 || len(b.Batch().Sections) != 0 {
		t.Error("Reset left something behind")
	}
}
