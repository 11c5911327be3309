package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func setField(key, field, value string, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectSetField, Type: entry.TypeHash, Key: []byte(key), Field: []byte(field), Value: []byte(value), Version: version}
}

func delField(key, field string, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectDelField, Type: entry.TypeHash, Key: []byte(key), Field: []byte(field), Version: version}
}

// fieldsIn describes the fields of a key.
func fieldsIn(t *testing.T, s *Store, key string) Fields {
	t.Helper()
	fields, ok := s.Slot(slot.Of([]byte(key))).FieldsLocked([]byte(key))
	if !ok {
		t.Fatalf("key %s has no fields", key)
	}
	return fields
}

// A hash is packed while it is small and has a table beyond both limits; either way its fields are what was set.
func TestFieldsArePackedUpToTheirLimits(t *testing.T) {
	for name, c := range map[string]struct {
		fields, valueBytes int
		table              bool
	}{
		"few": {1, 1, false}, "as many as may be packed": {packedFieldsMax, 4, false}, "one more": {packedFieldsMax + 1, 4, true},
		"long": {3, packedBytesMax, true}, "one that is long": {1, packedBytesMax, true},
	} {
		s := New()
		want := map[string]string{}
		for i := range c.fields {
			field, value := fmt.Sprint("f", i), string(bytes.Repeat([]byte("v"), c.valueBytes))
			apply(s, setField("h", field, value, uint64(i+1)))
			want[field] = value
		}
		mustCheck(t, s, 0)
		fields := fieldsIn(t, s, "h")
		if got := fields.table.heap != nil; got != c.table {
			t.Errorf("%s: has a table %v", name, got)
		}
		if got := unpack(fields.AppendPacked(nil)); !maps.Equal(got, want) || fields.Len() != len(want) {
			t.Errorf("%s: %d fields, want %d", name, len(got), len(want))
		}
		for field := range want {
			apply(s, delField("h", field, 1000))
		}
		if item, ok := get(s, "h"); !ok || entry.Packed(item.Value).Len() != 0 {
			t.Errorf("%s: a key that lost its last field to an effect on it has %d fields, exists %v", name, entry.Packed(item.Value).Len(), ok)
		}
		mustCheck(t, s, 0)
		apply(s, del("h"))
		mustCheck(t, s, 0)
		if s.UsedBytes() != 0 || s.Memory().Pending != 0 {
			t.Errorf("%s: %d bytes are left, %d pending", name, s.UsedBytes(), s.Memory().Pending)
		}
	}
}

// Packed fields keep the order in which they came, as Redis' listpacks do.
func TestPackedFieldsKeepTheirOrder(t *testing.T) {
	s := New()
	for i, field := range []string{"c", "a", "b", "a", "d"} {
		apply(s, setField("h", field, fmt.Sprint(i), uint64(i)))
	}
	apply(s, delField("h", "b", 9))
	apply(s, setField("h", "b", "again", 10))
	var got []string
	fields := fieldsIn(t, s, "h")
	fields.Each(func(field, value []byte) bool {
		got = append(got, string(field)+"="+string(value))
		return true
	})
	if want := "[c=0 a=3 d=4 b=again]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// The effects on fields and on the expiry may come in another order than they were decided in: the version never falls.
func TestVersionOfAKeyIsTheHighestOfItsEffects(t *testing.T) {
	s := New()
	apply(s, setField("h", "f", "v", 9))
	apply(s, setField("h", "g", "v", 5))
	apply(s, entry.Effect{Kind: entry.EffectExpire, Type: entry.TypeHash, Key: []byte("h"), ExpireAt: 77, Version: 7})
	apply(s, delField("h", "g", 6))
	if item, _ := get(s, "h"); item.Version != 9 || item.ExpireAt != 77 {
		t.Errorf("version %d, expiry %d, want 9 and 77", item.Version, item.ExpireAt)
	}
}

// A capture goes on seeing a large hash as it was, whatever happens to it: fields change, the table shrinks and grows, the key is
// deleted, made anew, overwritten, dropped with its slot. Nothing is freed twice, and nothing is left.
func TestCaptureOfALargeHashIsOfItsMoment(t *testing.T) {
	const fields = 900
	change := map[string]func(s *Store, r *rand.Rand){
		"fields": func(s *Store, r *rand.Rand) {
			for i := range 700 {
				apply(s, setField("h", fmt.Sprint("f", r.IntN(2*fields)), "new", uint64(1<<20+i)))
			}
		},
		"fewer": func(s *Store, _ *rand.Rand) {
			for i := range fields - 5 {
				apply(s, delField("h", fmt.Sprint("f", i), uint64(1<<21+i)))
			}
		},
		"deleted":     func(s *Store, _ *rand.Rand) { apply(s, del("h")) },
		"overwritten": func(s *Store, _ *rand.Rand) { apply(s, set("h", "text", 0, 1<<22)) },
		"made anew": func(s *Store, _ *rand.Rand) {
			apply(s, del("h"))
			for i := range 500 {
				apply(s, setField("h", fmt.Sprint("f", i), "anew", uint64(1<<23+i)))
			}
		},
		"dropped":  func(s *Store, _ *rand.Rand) { drop(s, slot.Of([]byte("h"))) },
		"replaced": func(s *Store, _ *rand.Rand) { s.Replace(s.Empty()) },
	}
	for first, one := range change {
		for second, other := range change {
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 1))
			s := NewSeeded(seed)
			for i := range fields {
				apply(s, setField("h", fmt.Sprint("f", i), fmt.Sprint(i), uint64(i)))
			}
			want := contents(s)
			c := s.Capture()
			one(s, r)
			mustCheck(t, s, seed)
			if item, ok := get(s, "h"); other != nil && (!ok || item.Type == entry.TypeHash || second == "deleted" || second == "overwritten") {
				other(s, r)
			}
			mustCheck(t, s, seed)
			got := map[string]string{}
			readSlot(c, slot.Of([]byte("h")), got)
			if !maps.Equal(got, want) {
				t.Fatalf("seed %d, %s, then %s: the capture shows %v, want %v", seed, first, second, got, want)
			}
			mustCheck(t, s, seed)
			c.Release()
			mustCheck(t, s, seed)
			drop(s, slot.Of([]byte("h")))
			for s.Maintain(1000) {
			}
			mustCheck(t, s, seed)
			if m := s.Memory(); m.Used != 0 || m.Pending != 0 {
				t.Fatalf("seed %d, %s, then %s: %+v is left", seed, first, second, m)
			}
		}
	}
}

// Deleting a large hash frees it in portions, by Maintain: neither the one who deletes waits for it nor anybody at one go.
func TestLargeHashIsFreedInPortions(t *testing.T) {
	s := New()
	for i := range 20_000 {
		apply(s, setField("h", fmt.Sprint("f", i), "v", uint64(i)))
	}
	before := s.Memory()
	apply(s, del("h"))
	m := s.Memory()
	if m.Used != 0 || m.Pending < before.Used*9/10 {
		t.Errorf("%+v after the deletion, %+v before", m, before)
	}
	portions := 0
	for s.Memory().Pending > 0 && portions < 1000 {
		s.Maintain(collectAtOnce)
		portions++
		mustCheck(t, s, 0)
	}
	if portions < 20_000/collectAtOnce/2 {
		t.Errorf("it was freed in %d portions", portions)
	}
}

// A scan gives every field that stays at least once, while the table grows and shrinks.
func TestScanGivesEveryFieldThatStays(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	s := NewSeeded(seed)
	for i := range 1000 {
		apply(s, setField("h", fmt.Sprint("stays", i), "v", 1))
	}
	seen := map[string]bool{}
	steps := 0
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		fields := fieldsIn(t, s, "h")
		step := map[string]bool{}
		next, covers := fields.Scan(cursor, func(field, _ []byte) { step[string(field)] = true })
		for i := range 1000 {
			if field := fmt.Sprint("stays", i); covers.Has([]byte(field)) != step[field] {
				t.Fatalf("seed %d: field %s is of the step %v, came %v", seed, field, covers.Has([]byte(field)), step[field])
			}
		}
		maps.Copy(seen, step)
		for range r.IntN(300) {
			if field := fmt.Sprint("comes", r.IntN(5000)); r.IntN(2) == 0 {
				apply(s, setField("h", field, "v", 2))
			} else {
				apply(s, delField("h", field, 2))
			}
		}
		cursor = next
		steps++
	}
	for i := range 1000 {
		if !seen[fmt.Sprint("stays", i)] {
			t.Fatalf("seed %d: field %d that stayed did not come", seed, i)
		}
	}
	if steps < 10 {
		t.Errorf("%d steps for a thousand fields", steps)
	}
}

// Each field of a table comes as often as any other, within what chance allows, whatever depth its segment has.
func TestRandomFieldsAreEquallyLikely(t *testing.T) {
	for _, n := range []int{5, 150, 700} {
		s := NewSeeded(7)
		for i := range n {
			apply(s, setField("h", fmt.Sprint("f", i), "v", 1))
		}
		fields := fieldsIn(t, s, "h")
		r := rand.New(rand.NewPCG(1, uint64(n)))
		counts := map[string]int{}
		const each = 400
		for range each * n {
			field, _ := fields.Random(r.Uint64)
			counts[string(field)]++
		}
		for i := range n {
			if got := counts[fmt.Sprint("f", i)]; got < each*2/3 || got > each*3/2 { // more than six standard deviations
				t.Errorf("of %d fields f%d came %d times, %d were expected", n, i, got, each)
			}
		}
	}
}

// A large hash is copied in portions of the size that was asked for, each field that stays exactly once, while its fields change and
// others come and go.
func TestLargeHashIsCopiedInPortions(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	s := NewSeeded(seed)
	const stay = 5000
	for i := range stay {
		apply(s, setField("h", fmt.Sprint("stays", i), "0123456789", 1))
	}
	sl := s.Slot(slot.Of([]byte("h")))
	came := map[string]int{}
	portions := 0
	for cursor, first := (CopyCursor{}), true; first || cursor != (CopyCursor{}); first = false {
		cursor = sl.CopyLocked(cursor, 64, 4096, func(_ []byte, item Item) {
			if !item.Part || entry.CheckPacked(item.Value) != nil || len(item.Value) > 4096+200 {
				t.Fatalf("seed %d: a part of %d bytes, part %v", seed, len(item.Value), item.Part)
			}
			for field := range unpack(item.Value) {
				came[field]++
			}
		})
		portions++
		for range r.IntN(100) {
			apply(s, setField("h", fmt.Sprint("comes", r.IntN(9000)), "v", 2))
			apply(s, delField("h", fmt.Sprint("comes", r.IntN(9000)), 2))
			apply(s, setField("h", fmt.Sprint("stays", r.IntN(stay)), "changed", 2))
		}
	}
	for i := range stay {
		if n := came[fmt.Sprint("stays", i)]; n != 1 {
			t.Fatalf("seed %d: field %d came %d times", seed, i, n)
		}
	}
	if portions < 15 {
		t.Errorf("%d portions", portions)
	}
}

// An effect on a field of a key that holds something else would be read as another thing: it stops the replica.
func TestEffectOnAFieldOfAStringPanics(t *testing.T) {
	s := New()
	apply(s, set("k", "v", 0, 1))
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Slot(slot.Of([]byte("k"))).ApplyLocked(&entry.Effect{Kind: entry.EffectSetField, Type: entry.TypeHash, Key: []byte("k"), Version: 2})
}

// The digest does not tell a packed hash from one with a table, nor one order from another; a field, a name or a value it does.
func TestDigestOfFieldsIsOfWhatTheyAre(t *testing.T) {
	digest := func(fill func(s *Store)) uint64 {
		s := New()
		fill(s)
		return s.Digest()
	}
	want := digest(func(s *Store) {
		for _, field := range []string{"a", "b", "c"} {
			apply(s, setField("h", field, "v"+field, 9))
		}
	})
	table := digest(func(s *Store) {
		for i := range 200 {
			apply(s, setField("h", fmt.Sprint(i), "v", 8))
		}
		for _, field := range []string{"c", "a", "b"} {
			apply(s, setField("h", field, "v"+field, 9))
		}
		for i := range 200 {
			apply(s, delField("h", fmt.Sprint(i), 9))
		}
	})
	if table != want {
		t.Errorf("digest %x of a table, %x of the packed form", table, want)
	}
	for name, fields := range map[string][3]string{"a value": {"a", "b", "c "}, "a name": {"a", "b", "d"}, "swapped": {"b", "a", "c"}} {
		got := digest(func(s *Store) {
			for i, field := range []string{"a", "b", "c"} {
				if name == "a name" {
					field = fields[i]
				}
				apply(s, setField("h", field, "v"+fields[i], 9))
			}
		})
		if got == want {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}
