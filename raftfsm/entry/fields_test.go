package entry

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/holtcache/holt/proto/slot"
)

// fieldEffects is a batch of effects on fields; two keys alternate, so that not each of them stands behind one of its own.
var fieldEffects = Batch{
	Version: 1 << 40,
	Sections: []Section{{Slot: 12182, Effects: []Effect{
		{Kind: EffectSet, Type: TypeHash, Key: []byte("foo"), Value: packed("f", "v"), ExpireAt: 1700000000123, Version: 1<<40 - 5},
		{Kind: EffectSetField, Type: TypeHash, Key: []byte("foo"), Field: []byte("field"), Value: []byte("value"), Version: 1<<40 - 4},
		{Kind: EffectSetField, Type: TypeHash, Key: []byte("foo"), Field: []byte{}, Value: []byte{}, Version: 1<<40 - 4},
		{Kind: EffectDelField, Type: TypeHash, Key: []byte("{foo}2"), Field: []byte("gone"), Version: 1<<40 - 1},
		{Kind: EffectDelField, Type: TypeHash, Key: []byte("foo"), Field: []byte("gone"), Version: 1 << 40},
		{Kind: EffectDone, Key: []byte{}, Client: 1, Value: []byte{}, Version: 1 << 40},
		{Kind: EffectDelField, Type: TypeHash, Key: []byte{}, Field: []byte("of the empty key"), Version: 1 << 40},
	}}},
}

// fieldChunk is a chunk with a key whole and a part of another, and effects.
var fieldChunk = Chunk{Migration: 3, Attempt: Attempt{Incarnation: 7, Counter: 1}, Version: 1 << 40, Time: 5, Parts: []Part{{
	Slot: 12182, Items: []Item{
		{Key: []byte("foo"), Type: TypeHash, Value: packed("f", "v", "g", ""), Version: 9, Access: 7},
		{Key: []byte("{foo}2"), Type: TypeHash, Part: true, Value: packed("f", "v"), ExpireAt: 1700000000123, Version: 8},
	},
	Effects: fieldEffects.Sections[0].Effects,
}}}

func packed(pairs ...string) []byte {
	p := AppendPackedLen(nil, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		p = AppendPacked(p, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return p
}

func TestEffectsOnFieldsComeBackAsTheyWere(t *testing.T) {
	var got Batch
	_, body, err := DecodeHeader(AppendBatch(nil, Header{}, &fieldEffects))
	if err != nil {
		t.Fatal(err)
	}
	if err := DecodeBatch(body, &got); err != nil || !reflect.DeepEqual(got.Sections, fieldEffects.Sections) {
		t.Errorf("err %v, got\n%+v\nwant\n%+v", err, got.Sections, fieldEffects.Sections)
	}
	_, body, err = DecodeHeader(EncodeChunk(Header{}, fieldChunk))
	if err != nil {
		t.Fatal(err)
	}
	if chunk, err := DecodeChunk(body); err != nil || !reflect.DeepEqual(chunk, fieldChunk) {
		t.Errorf("err %v, got\n%+v\nwant\n%+v", err, chunk, fieldChunk)
	}
}

// Malformed fields would be read past their end, much later: they stop at the door.
func TestMalformedFieldsAreRefused(t *testing.T) {
	for name, value := range map[string][]byte{
		"nothing": {}, "a count without end": {0x80}, "fewer than said": {2, 1, 1, 'f', 'v'}, "more than said": {1, 1, 1, 'f', 'v', 1, 1, 'g', 'v'},
		"a name too long": {1, 9, 0, 'f'}, "a value too long": {1, 1, 9, 'f', 'v'},
		"lengths whose sum overflows": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 'f', 'v'},
	} {
		if CheckPacked(value) == nil {
			t.Errorf("%s: taken for well-formed", name)
		}
		set := Effect{Kind: EffectSet, Type: TypeHash, Key: []byte("k"), Value: value}
		_, body, _ := DecodeHeader(AppendBatch(nil, Header{}, &Batch{Sections: []Section{{Effects: []Effect{set}}}}))
		var b Batch
		if err := DecodeBatch(body, &b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s in an effect: %v, want it refused", name, err)
		}
		_, body, _ = DecodeHeader(EncodeChunk(Header{}, Chunk{Parts: []Part{{Items: []Item{{Type: TypeHash, Value: value}}}}}))
		if _, err := DecodeChunk(body); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s in an item: %v, want it refused", name, err)
		}
	}
	for _, e := range []Effect{{Kind: EffectSetField, Type: TypeString}, {Kind: EffectDelField}} {
		_, body, _ := DecodeHeader(AppendBatch(nil, Header{}, &Batch{Sections: []Section{{Effects: []Effect{e}}}}))
		var b Batch
		if err := DecodeBatch(body, &b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%+v: %v, want it refused", e, err)
		}
	}
}

func FuzzPackedFieldsComeBack(f *testing.F) {
	f.Add(packed("f", "v", "", ""))
	f.Add([]byte{1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		if CheckPacked(data) != nil {
			return
		}
		n := 0
		again := AppendPackedLen(nil, Packed(data).Len())
		for e := range Packed(data).Entries() {
			if e.End-e.At < PackedBytes(e.Name, e.Value) {
				t.Errorf("a field of %d bytes stands in %d", PackedBytes(e.Name, e.Value), e.End-e.At)
			}
			again = AppendPacked(again, e.Name, e.Value)
			n++
		}
		if n != Packed(data).Len() || CheckPacked(again) != nil || len(again) > len(data) {
			t.Errorf("%d fields of %x, packed anew %x", n, data, again)
		}
	})
}

// fieldModel is what a plain map makes of effects on keys with fields.
type fieldModel map[string]*fieldKey

type fieldKey struct {
	fields   map[string]string
	expireAt int64
	version  uint64
}

func (m fieldModel) apply(e Effect) {
	k := m[string(e.Key)]
	switch {
	case e.Kind == EffectDel:
		delete(m, string(e.Key))
		return
	case e.Kind == EffectSet:
		k = &fieldKey{fields: map[string]string{}, expireAt: e.ExpireAt}
		for f := range Packed(e.Value).Entries() {
			k.fields[string(f.Name)] = string(f.Value)
		}
	case k == nil && e.Kind == EffectSetField:
		k = &fieldKey{fields: map[string]string{}}
	case k == nil:
		return
	}
	switch e.Kind {
	case EffectSetField:
		k.fields[string(e.Field)] = string(e.Value)
	case EffectDelField:
		delete(k.fields, string(e.Field))
	case EffectExpire:
		k.expireAt = e.ExpireAt
	}
	k.version = max(k.version, e.Version)
	m[string(e.Key)] = k
}

// The composed effects on fields leave the same state as one by one, whether the key was there before or the batch makes it; and a
// field costs at most two effects a batch, however often it changes.
func TestComposedFieldEffectsEqualThemOneByOne(t *testing.T) {
	keys := []string{"a", "{a}b"}
	rapid.Check(t, func(t *rapid.T) {
		plain, composed := fieldModel{}, fieldModel{}
		before := Effect{Kind: EffectSet, Type: TypeHash, Key: []byte("a"), Value: packed("f", "0", "g", "0"), ExpireAt: 7, Version: 1}
		plain.apply(before)
		composed.apply(before)
		b := NewBuilder()
		s := slot.Of([]byte("a"))
		for version := uint64(10); version < uint64(10+rapid.IntRange(0, 40).Draw(t, "effects")); version++ {
			e := Effect{Type: TypeHash, Key: b.Copy([]byte(rapid.SampledFrom(keys).Draw(t, "key"))), Version: version}
			field := rapid.SampledFrom([]string{"f", "g", "h"}).Draw(t, "field")
			k := plain[string(e.Key)]
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				e.Kind, e.Type, e.Reason = EffectDel, 0, ReasonDelete
			case 1:
				e.Kind, e.Value, e.ExpireAt = EffectSet, packed(field, fmt.Sprint(version)), int64(version%3)
			case 2, 3:
				if k == nil {
					continue
				}
				e.Kind, e.ExpireAt = EffectExpire, int64(version)
			case 4, 5, 6:
				if k == nil || k.fields[field] == "" {
					continue
				}
				e.Kind, e.Field = EffectDelField, []byte(field)
				if len(k.fields) == 1 {
					e = Effect{Kind: EffectDel, Reason: ReasonDelete, Key: e.Key, Version: version}
				}
			default:
				e.Kind, e.Field, e.Value = EffectSetField, []byte(field), fmt.Append(nil, version)
			}
			plain.apply(e)
			b.Add(s, e)
		}
		size := b.SizeBytes()
		var batch Batch
		_, body, err := DecodeHeader(AppendBatch(nil, Header{}, b.Batch()))
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeBatch(body, &batch); err != nil {
			t.Fatal(err)
		}
		counted, of := 0, map[string]int{}
		for _, section := range batch.Sections {
			for _, e := range section.Effects {
				composed.apply(e)
				counted += e.sizeBytes()
				of[fmt.Sprintf("%s %v %s", e.Key, e.OnField(), e.Field)]++
			}
		}
		for what, n := range of {
			if n > 2 {
				t.Fatalf("%d effects on %s", n, what)
			}
		}
		if counted != size {
			t.Fatalf("effects of %d bytes, SizeBytes says %d", counted, size)
		}
		for _, key := range keys {
			p, c := plain[key], composed[key]
			if (p == nil) != (c == nil) || p != nil && (!maps.Equal(p.fields, c.fields) || p.expireAt != c.expireAt || p.version != c.version) {
				t.Fatalf("key %s: one by one %+v, composed %+v", key, p, c)
			}
		}
	})
}
