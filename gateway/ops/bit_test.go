package ops

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/holtcache/holt/raftfsm/entry"
)

// Every field of every width, written and read, against arithmetic with big integers: next to each other, across bytes, in
// values short and long.
func TestFieldsHoldWhatFitsIntoThem(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 3000 {
		step := FieldStep{
			Kind: FieldKind(2 + r.IntN(2)), Signed: r.IntN(2) == 0, Bits: uint(1 + r.IntN(63)), Offset: uint64(r.IntN(200)),
			Value: int64(r.Uint64() >> r.IntN(64)), Overflow: Overflow(r.IntN(3)),
		}
		if r.IntN(2) == 0 {
			step.Value = -step.Value
		}
		tx := newMemTx()
		old := make([]byte, r.IntN(40))
		if i%10 == 0 {
			old = make([]byte, patchBytesMin+r.IntN(10))
		}
		for j := range old {
			old[j] = byte(r.Uint64())
		}
		tx.Set(keyK, old, entry.TypeString, 0)
		want, wantOld, fits := modelField(&step, old)
		get := step
		get.Kind = FieldGet
		results, err := BitField(tx, Limits{}.WithDefaults(), keyK, []FieldStep{step, get})
		wanted := []FieldResult{{Value: want}, {Value: want}}
		switch {
		case !fits && step.Overflow == OverflowFail:
			wanted = []FieldResult{{Failed: true}, {Value: wantOld}}
		case step.Kind == FieldSet:
			wanted[0].Value = wantOld
		}
		if err != nil || fmt.Sprint(results) != fmt.Sprint(wanted) {
			t.Fatalf("seed %d, %+v on %x: got %+v, %v, want %+v", seed, step, old, results, err, wanted)
		}
		checkOutside(t, &step, old, tx.Items["k"].Value)
	}
}

// modelField is what a step makes of a field, and what it held.
func modelField(s *FieldStep, value []byte) (next, old int64, fits bool) {
	field := new(big.Int)
	for i := range uint64(s.Bits) {
		field.Lsh(field, 1).Or(field, big.NewInt(int64(bitAt(value, s.Offset+i))))
	}
	size := new(big.Int).Lsh(big.NewInt(1), s.Bits)
	lowest, highest := big.NewInt(0), new(big.Int).Sub(size, big.NewInt(1))
	if s.Signed {
		highest.Rsh(highest, 1)
		lowest.Sub(highest, new(big.Int).Sub(size, big.NewInt(1)))
		if field.Cmp(highest) > 0 {
			field.Sub(field, size)
		}
	}
	old = field.Int64()
	sum := big.NewInt(s.Value)
	if s.Kind == FieldIncr {
		sum.Add(sum, field)
	} else if !s.Signed {
		sum.SetUint64(uint64(s.Value)) // as Redis does
	}
	switch {
	case sum.Cmp(highest) <= 0 && sum.Cmp(lowest) >= 0:
		return sum.Int64(), old, true
	case s.Overflow == OverflowSat && sum.Cmp(highest) > 0:
		return highest.Int64(), old, false
	case s.Overflow == OverflowSat:
		return lowest.Int64(), old, false
	}
	wrapped := new(big.Int).Mod(sum, size)
	if wrapped.Cmp(highest) > 0 {
		wrapped.Sub(wrapped, size)
	}
	return wrapped.Int64(), old, false
}

// checkOutside checks that the bits around a field are what they were, and the length what it has to be.
func checkOutside(t *testing.T, s *FieldStep, old, now []byte) {
	t.Helper()
	if want := max(len(old), int(s.end()+7)/8); len(now) != want {
		t.Fatalf("%+v: %d bytes become %d, want %d", s, len(old), len(now), want)
	}
	for at := range uint64(len(now)) * 8 {
		if (at < s.Offset || at >= s.end()) && bitAt(now, at) != bitAt(old, at) {
			t.Fatalf("%+v changed bit %d", s, at)
		}
	}
}

// What changes a bit of a long value is a patch of that byte, not the value again.
func TestBitsOfLongValuesArePatched(t *testing.T) {
	tx := newMemTx()
	tx.Set(keyK, make([]byte, 2*patchBytesMin), entry.TypeString, 5000)
	before := len(tx.Journal)
	if old, err := SetBit(tx, Limits{}.WithDefaults(), keyK, 8*100+3, 1); old != 0 || err != nil {
		t.Fatalf("SetBit: %d, %v", old, err)
	}
	if _, err := BitField(tx, Limits{}.WithDefaults(), keyK, []FieldStep{{Kind: FieldSet, Bits: 8, Offset: 808, Value: 255}}); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(tx.Journal[before:]), "[patch patch]"; got != want {
		t.Errorf("effects %s, want %s", got, want)
	}
	item := tx.Items["k"]
	if !bytes.Equal(item.Value[99:103], []byte{0, 0x10, 255, 0}) || item.ExpireAt != 5000 {
		t.Errorf("value % x, expiry %d", item.Value[99:103], item.ExpireAt)
	}
	before = len(tx.Journal)
	if _, err := SetBit(tx, Limits{}.WithDefaults(), keyK, 8*100+3, 1); err != nil || len(tx.Journal) != before {
		t.Errorf("a bit that is set already: %v, effects %v", err, tx.Journal[before:])
	}
}

func TestBitsBeyondTheLimitAreRefused(t *testing.T) {
	tx, limits := newMemTx(), Limits{ValueBytesMax: 16}
	if _, err := SetBit(tx, limits, keyK, 128, 1); !errors.Is(err, ErrBitOffset) {
		t.Errorf("bit 128 of 128: %v", err)
	}
	if _, err := BitField(tx, limits, keyK, []FieldStep{{Kind: FieldSet, Bits: 8, Offset: 121}}); !errors.Is(err, ErrValueTooLarge) {
		t.Errorf("8 bits from 121 on: %v", err)
	}
	if _, err := LCS(tx, Limits{ValueBytesMax: 3}, keyK, second); !errors.Is(err, ErrLCSTable) {
		t.Errorf("table of 4 bytes: %v", err)
	}
	if len(tx.Journal) != 0 {
		t.Errorf("effects %v", tx.Journal)
	}
}
