package ops

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

// newHash is a shard with a hash of so many fields, f0 to fn, whose values are their numbers.
func newHash(t *testing.T, fields int) *memTx {
	t.Helper()
	m := newMemTx()
	for i := range fields {
		if created, err := HSet(m, []byte("h"), [][]byte{fmt.Append(nil, "f", i), fmt.Append(nil, i)}); created != 1 || err != nil {
			t.Fatalf("field %d: %d created, %v", i, created, err)
		}
	}
	return m
}

// Different fields are asked for, of few and of many, and different ones come, each with its value and about as often as any other.
func TestRandomFieldsAreDifferentAndFair(t *testing.T) {
	for _, c := range []struct {
		count int64
		want  int
	}{{1, 1}, {3, 3}, {12, 12}, {39, 39}, {40, 40}, {1000, 40}, {1 << 62, 40}} {
		m := newHash(t, 40)
		came := map[string]int{}
		rounds := 8000 / c.want // each field is expected 200 times: a third or three times that is beyond chance
		for range rounds {
			seen := map[string]bool{}
			err := HRandFields(m, []byte("h"), c.count, func(field, value []byte) {
				if string(field[1:]) != string(value) || seen[string(field)] {
					t.Errorf("%d fields: %s = %s, came before %v", c.count, field, value, seen[string(field)])
				}
				seen[string(field)] = true
				came[string(field)]++
			})
			m.Spoil()
			if err != nil || len(seen) != c.want {
				t.Fatalf("%d fields: %d came, %v", c.count, len(seen), err)
			}
		}
		for i := range 40 {
			if got, want := came[fmt.Sprint("f", i)], rounds*c.want/40; got < want/3 || got > want*3 {
				t.Errorf("%d fields: f%d came %d times, about %d were expected", c.count, i, got, want)
			}
		}
	}
}

// Fields that may repeat are as many as were asked for, up to a limit that is named.
func TestFieldsThatMayRepeatHaveALimit(t *testing.T) {
	m := newHash(t, 3)
	n := 0
	if err := HRandFields(m, []byte("h"), -100, func(_, _ []byte) { n++ }); err != nil || n != 100 {
		t.Errorf("%d of 100 came, %v", n, err)
	}
	var refused *apierr.Error
	if err := HRandFields(m, []byte("h"), -randomFieldsMax-1, func(_, _ []byte) { n++ }); !errors.As(err, &refused) || refused.Kind != apierr.KindTooLarge || n != 100 {
		t.Errorf("over the limit: %v, %d came", err, n)
	}
}

// A scan goes on until it has as many fields as were asked for, and over all of them in the end.
func TestScanOfAHashGivesAllFields(t *testing.T) {
	m := newHash(t, 95)
	for _, count := range []int64{1, 10, 45, 1000} {
		seen, steps := map[string]bool{}, 0
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			some := int64(0)
			next, err := HScan(m, []byte("h"), cursor, count, func(field, _ []byte) {
				seen[string(field)] = true
				some++
			})
			if err != nil || next != 0 && some < count {
				t.Fatalf("a step of %d gave %d, %v", count, some, err)
			}
			cursor = next
			steps++
		}
		if len(seen) != 95 || count > 95 && steps != 1 || count == 1 && steps < 4 {
			t.Errorf("steps of %d: %d fields in %d steps", count, len(seen), steps)
		}
	}
}

// An operation that fails changes nothing, and one on a missing key makes none.
func TestFailedHashOperationsChangeNothing(t *testing.T) {
	m := newHash(t, 2)
	if _, err := HSet(m, []byte("h"), [][]byte{[]byte("t"), []byte("text")}); err != nil {
		t.Fatal(err)
	}
	before := len(m.Journal)
	for name, try := range map[string]func() error{
		"HSET of another type":   func() error { _, err := HSet(m, []byte("other"), [][]byte{nil, nil}); return err },
		"HSETNX of another type": func() error { _, err := HSetNX(m, []byte("other"), nil, nil); return err },
		"HDEL of another type":   func() error { _, err := HDel(m, []byte("other"), nil); return err },
		"HINCRBY of a text":      func() error { _, err := HIncrBy(m, []byte("h"), []byte("t"), 1); return err },
		"HGET of another type":   func() error { _, _, err := HGet(m, []byte("other"), nil); return err },
		"GET of a hash":          func() error { _, _, err := Get(m, []byte("h")); return err },
		"INCR of a hash":         func() error { _, err := Incr(m, []byte("h"), 1, Expiry{}); return err },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n, err := HDel(m, []byte("missing"), []byte("f")); n != 0 || err != nil {
		t.Errorf("HDEL of a missing key: %d, %v", n, err)
	}
	if len(m.Journal) != before {
		t.Errorf("they did %v", m.Journal[before:])
	}
}

// The whole of a hash, set elsewhere, is the same hash: what COPY and RENAME need.
func TestWholeHashCanBeSetElsewhere(t *testing.T) {
	m := newHash(t, 30)
	item, ok := m.Whole([]byte("h"))
	if !ok {
		t.Fatal("no hash")
	}
	m.Set([]byte("copy"), item.Value, item.Type, item.ExpireAt)
	m.Spoil()
	for i := range 30 {
		if value, ok, err := HGet(m, []byte("copy"), fmt.Append(nil, "f", i)); !ok || err != nil || string(value) != fmt.Sprint(i) {
			t.Errorf("field %d of the copy: %q, %v, %v", i, value, ok, err)
		}
	}
	if n, err := HLen(m, []byte("copy")); n != 30 || err != nil {
		t.Errorf("the copy has %d fields, %v", n, err)
	}
}
