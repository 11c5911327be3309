package entry

import (
	"runtime"
	"testing"
	"weak"

	"github.com/holtcache/holt/proto/slot"
)

// What builds and decodes batches is kept for ever, so a reference left behind in its slices keeps a whole record, or a
// whole chunk of keys, from being freed: a record for each place of the largest batch there ever was.
func TestNothingOfABatchIsKept(t *testing.T) {
	var (
		b       = NewBuilder()
		decoded Batch
		memory  []weak.Pointer[byte]
	)
	one := func(slots int) {
		for i := range slots {
			e := Effect{Kind: EffectSet, Type: TypeString, Key: b.Copy([]byte{byte(i), byte(i >> 8)}), Value: b.Copy(make([]byte, 100)), Version: uint64(i + 1)}
			b.Add(slot.ID(i), e)
			memory = append(memory, weak.Make(&e.Key[0]))
		}
		record := AppendBatch(nil, Header{}, b.Batch())
		memory = append(memory, weak.Make(&record[0]))
		b.Reset()
		_, body, err := DecodeHeader(record)
		if err == nil {
			err = DecodeBatch(body, &decoded)
		}
		if err != nil || len(decoded.Sections) != slots {
			t.Fatalf("%d sections, %v", len(decoded.Sections), err)
		}
		decoded.Forget()
	}
	for _, slots := range []int{100, 10, 1} {
		one(slots)
	}
	runtime.GC()
	for i, m := range memory {
		if m.Value() != nil {
			t.Fatalf("piece %d of %d is still there", i, len(memory))
		}
	}
	runtime.KeepAlive(b)
	runtime.KeepAlive(&decoded)
}
