package entry

import (
	"errors"
	"reflect"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

func TestResultsComeBackAsTheyWere(t *testing.T) {
	_, body, err := DecodeHeader(AppendBatch(nil, Header{}, &results))
	if err != nil {
		t.Fatal(err)
	}
	var got Batch
	if err := DecodeBatch(body, &got); err != nil || !reflect.DeepEqual(got.Sections, results.Sections) {
		t.Errorf("err %v, got\n%+v\nwant\n%+v", err, got.Sections, results.Sections)
	}
}

// A program that met an effect it does not know and went on would differ from the others: it stops. So did those that came
// before results.
func TestEffectOfAnUnknownKindIsRefused(t *testing.T) {
	for kind := range 256 {
		data := AppendBatch(nil, Header{}, &Batch{Sections: []Section{{Effects: []Effect{{Kind: EffectDel, Reason: ReasonDelete}}}}})
		body := data[headerBytes : len(data)-trailerBytes]
		at := len(body) - 5 // kind, reason, length of the key, version, a zero
		if EffectKind(body[at]) != EffectDel {
			t.Fatalf("the effect does not begin at %d of %x", at, body)
		}
		body[at] = byte(kind)
		known := EffectKind(kind) >= EffectSet && EffectKind(kind) <= EffectDelField
		var b Batch
		if err := DecodeBatch(body, &b); !known && !errors.Is(err, ErrCorrupt) {
			t.Errorf("kind %d: %v, want it refused", kind, err)
		}
	}
}

// A result has neither a key nor a type: what has is none.
func TestResultWithAKeyIsRefused(t *testing.T) {
	for _, e := range []Effect{{Kind: EffectDone, Key: []byte("k")}, {Kind: EffectDone, Type: TypeString}} {
		_, body, _ := DecodeHeader(AppendBatch(nil, Header{}, &Batch{Sections: []Section{{Effects: []Effect{e}}}}))
		var b Batch
		if err := DecodeBatch(body, &b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%+v: %v, want it refused", e, err)
		}
	}
}

// Whatever is composed away, that a request was applied is not: PROTOCOL rule 22.
func TestResultIsKeptWhateverBecomesOfTheKey(t *testing.T) {
	b := NewBuilder()
	b.Add(5, Effect{Kind: EffectSet, Type: TypeString, Key: []byte{}, Value: []byte("1"), Version: 1})
	b.Add(5, Effect{Kind: EffectDone, Client: 1, Sequence: 1, Value: []byte("one"), Version: 1})
	b.Add(5, Effect{Kind: EffectSet, Type: TypeString, Key: []byte{}, Value: []byte("2"), Version: 2})
	b.Add(5, Effect{Kind: EffectDone, Client: 1, Sequence: 2, Value: []byte("two"), Version: 2})
	b.Add(5, Effect{Kind: EffectDel, Reason: ReasonDelete, Key: []byte{}, Version: 3})
	b.Drop([]slot.Range{{First: 0, Last: 9}}, 4)
	b.Add(5, Effect{Kind: EffectDone, Client: 1, Sequence: 3, Value: []byte("three"), Version: 4})
	batch := b.Batch()
	if len(batch.Sections) != 1 || len(batch.Sections[0].Effects) != 3 || b.Empty() || batch.Version != 4 {
		t.Fatalf("got %+v, want three results", batch)
	}
	for i, e := range batch.Sections[0].Effects {
		if e.Kind != EffectDone || e.Sequence != uint64(i+1) {
			t.Errorf("effect %d is %+v", i, e)
		}
	}
}
