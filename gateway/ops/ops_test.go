package ops

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
)

var (
	keyK  = []byte("k")
	other = []byte("other")
)

func TestSetHonoursItsCondition(t *testing.T) {
	for _, c := range []struct {
		name    string
		present bool
		opts    SetOptions
		want    bool
	}{
		{"always on missing", false, SetOptions{}, true},
		{"NX on missing", false, SetOptions{If: SetIfMissing}, true},
		{"NX on present", true, SetOptions{If: SetIfMissing}, false},
		{"XX on missing", false, SetOptions{If: SetIfExists}, false},
		{"XX on present", true, SetOptions{If: SetIfExists}, true},
		{"right version", true, SetOptions{If: SetIfVersion, Version: 2}, true},
		{"wrong version", true, SetOptions{If: SetIfVersion, Version: 1}, false},
		{"version of a missing key", false, SetOptions{If: SetIfVersion, Version: 2}, false},
		{"version 0 of a missing key", false, SetOptions{If: SetIfVersion}, true},
		{"version 0 of a present key", true, SetOptions{If: SetIfVersion}, false},
	} {
		tx := newMemTx()
		if c.present {
			tx.Set(keyK, []byte("old"), entry.TypeString, 0) // becomes version 2
		}
		opts := c.opts
		opts.ReturnPrevious = true
		result, err := Set(tx, keyK, []byte("new"), opts)
		if err != nil || result.Applied != c.want || result.Existed != c.present || (result.Previous != nil) != c.present {
			t.Errorf("%s: got %+v, %v", c.name, result, err)
		}
		if item := tx.Items["k"]; (string(item.Value) == "new") != c.want || c.want && item.Version != result.Version {
			t.Errorf("%s: key holds %q at version %d, result %+v", c.name, item.Value, item.Version, result)
		}
	}
}

func TestSetLeavesTheExpiryThatItWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		expiry Expiry
		want   int64
	}{
		{"not set", Expiry{}, 0}, {"never", Never(), 0}, {"keep", Keep(), 7000}, {"in", In(500), 1500}, {"at", At(9000), 9000},
		{"after", After(1500*time.Millisecond + 1), 2501},
	} {
		tx := newMemTx()
		tx.Set(keyK, nil, entry.TypeString, 7000)
		if _, err := Set(tx, keyK, []byte("v"), SetOptions{Expiry: c.expiry}); err != nil || tx.Items["k"].ExpireAt != c.want {
			t.Errorf("%s: expiry %d, error %v, want %d", c.name, tx.Items["k"].ExpireAt, err, c.want)
		}
	}
}

func TestSetWithPassedExpiryDeletes(t *testing.T) {
	tx := newMemTx()
	tx.Set(keyK, nil, entry.TypeString, 0)
	result, err := Set(tx, keyK, []byte("v"), SetOptions{Expiry: At(1000)})
	if _, ok := tx.Get(keyK); ok || err != nil || !result.Applied || result.Version != 0 {
		t.Errorf("exists %v, %+v, %v", ok, result, err)
	}
}

// A condition, a bad expiry or a type that does not fit: an error, and nothing has changed.
func TestFailedOperationsChangeNothing(t *testing.T) {
	limits := Limits{ValueBytesMax: 8}.WithDefaults()
	one, _ := ParseFloat([]byte("1"))
	ops := map[string]struct {
		run  func(tx Tx) error
		want *apierr.Error
	}{
		"set GET on other":      {func(tx Tx) error { _, err := Set(tx, other, nil, SetOptions{ReturnPrevious: true}); return err }, ErrWrongType},
		"set in 0":              {func(tx Tx) error { _, err := Set(tx, keyK, nil, SetOptions{Expiry: In(0)}); return err }, ErrExpiry},
		"set at -1":             {func(tx Tx) error { _, err := Set(tx, keyK, nil, SetOptions{Expiry: At(-1)}); return err }, ErrExpiry},
		"set beyond 64 bits":    {func(tx Tx) error { _, err := Set(tx, keyK, nil, SetOptions{Expiry: In(math.MaxInt64)}); return err }, ErrExpiry},
		"getdel on other":       {func(tx Tx) error { _, _, err := GetDel(tx, other); return err }, ErrWrongType},
		"getex on other":        {func(tx Tx) error { _, _, err := GetEx(tx, other, In(1)); return err }, ErrWrongType},
		"getex in 0":            {func(tx Tx) error { _, _, err := GetEx(tx, keyK, In(0)); return err }, ErrExpiry},
		"getex beyond 64 bits":  {func(tx Tx) error { _, _, err := GetEx(tx, keyK, In(math.MaxInt64)); return err }, ErrExpiry},
		"get of other":          {func(tx Tx) error { _, _, err := Get(tx, other); return err }, ErrWrongType},
		"strlen of other":       {func(tx Tx) error { _, err := StrLen(tx, other); return err }, ErrWrongType},
		"getrange of other":     {func(tx Tx) error { _, err := GetRange(tx, other, 0, -1); return err }, ErrWrongType},
		"encoding of other":     {func(tx Tx) error { _, _, err := Encoding(tx, other); return err }, ErrWrongType},
		"incr of other":         {func(tx Tx) error { _, err := Incr(tx, other, 1, Expiry{}); return err }, ErrWrongType},
		"incr of text":          {func(tx Tx) error { _, err := Incr(tx, keyK, 1, Expiry{}); return err }, ErrNotInteger},
		"incr beyond 64 bits":   {func(tx Tx) error { _, err := Incr(tx, []byte("max"), 1, Expiry{}); return err }, ErrOverflow},
		"incr with TTL 0":       {func(tx Tx) error { _, err := Incr(tx, []byte("new"), 1, In(0)); return err }, ErrExpiry},
		"incr with past expiry": {func(tx Tx) error { _, err := Incr(tx, []byte("new"), 1, At(1000)); return err }, ErrExpiry},
		"incrfloat of other":    {func(tx Tx) error { _, err := IncrFloat(tx, other, one); return err }, ErrWrongType},
		"incrfloat of text":     {func(tx Tx) error { _, err := IncrFloat(tx, keyK, one); return err }, ErrNotFloat},
		"append to other":       {func(tx Tx) error { _, err := Append(tx, limits, other, []byte("x")); return err }, ErrWrongType},
		"append over the limit": {func(tx Tx) error { _, err := Append(tx, limits, keyK, make([]byte, 8)); return err }, ErrValueTooLarge},
		"setrange of other":     {func(tx Tx) error { _, err := SetRange(tx, limits, other, 0, nil); return err }, ErrWrongType},
		"setrange before 0":     {func(tx Tx) error { _, err := SetRange(tx, limits, keyK, -1, []byte("x")); return err }, ErrOffset},
		"setrange over":         {func(tx Tx) error { _, err := SetRange(tx, limits, keyK, 8, []byte("x")); return err }, ErrValueTooLarge},
		"setrange far over":     {func(tx Tx) error { _, err := SetRange(tx, limits, keyK, math.MaxInt64, []byte("x")); return err }, ErrValueTooLarge},
		"expire never":          {func(tx Tx) error { _, err := Expire(tx, keyK, Never(), 0); return err }, ErrExpiry},
		"expire without expiry": {func(tx Tx) error { _, err := Expire(tx, keyK, Expiry{}, 0); return err }, ErrExpiry},
		"expire beyond 64 bits": {func(tx Tx) error { _, err := Expire(tx, keyK, In(math.MaxInt64), 0); return err }, ErrExpiry},
	}
	for name, op := range ops {
		tx := newMemTx()
		tx.Set(keyK, []byte("v"), entry.TypeString, 0)
		tx.Set([]byte("max"), []byte("9223372036854775807"), entry.TypeString, 0)
		tx.Journal = nil
		if err := op.run(tx); !errors.Is(err, op.want) {
			t.Errorf("%s: got %v, want %v", name, err, op.want)
		}
		if len(tx.Journal) > 0 {
			t.Errorf("%s: did %v", name, tx.Journal)
		}
	}
}

func TestCounterGetsItsInitialTTLOnce(t *testing.T) {
	tx := newMemTx()
	for i, want := range []int64{5, 10, 15} {
		result, err := Incr(tx, keyK, 5, In(500))
		if err != nil || result.Value != want || tx.Items["k"].ExpireAt != 1500 || result.Version != tx.Version() {
			t.Errorf("increment %d: %+v, %v, expiry %d", i, result, err, tx.Items["k"].ExpireAt)
		}
		tx.now++
	}
	if result, err := Incr(tx, []byte("plain"), math.MinInt64, Expiry{}); err != nil || result.Value != math.MinInt64 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestExpireHonoursItsConditions(t *testing.T) {
	for _, c := range []struct {
		name       string
		current    int64
		at         int64
		conditions ExpireIf
		want       bool
	}{
		{"NX without", 0, 5000, ExpireIfNone, true}, {"NX with", 2000, 5000, ExpireIfNone, false},
		{"XX without", 0, 5000, ExpireIfSome, false}, {"XX with", 2000, 5000, ExpireIfSome, true},
		{"GT without", 0, 5000, ExpireIfLater, false}, {"GT later", 2000, 5000, ExpireIfLater, true},
		{"GT same", 5000, 5000, ExpireIfLater, false}, {"GT earlier", 9000, 5000, ExpireIfLater, false},
		{"LT without", 0, 5000, ExpireIfEarlier, true}, {"LT later", 2000, 5000, ExpireIfEarlier, false},
		{"LT same", 5000, 5000, ExpireIfEarlier, false}, {"LT earlier", 9000, 5000, ExpireIfEarlier, true},
		{"XX LT without", 0, 5000, ExpireIfSome | ExpireIfEarlier, false}, {"XX LT earlier", 9000, 5000, ExpireIfSome | ExpireIfEarlier, true},
	} {
		tx := newMemTx()
		tx.Set(keyK, nil, entry.TypeString, c.current)
		changed, err := Expire(tx, keyK, At(c.at), c.conditions)
		if now := tx.Items["k"].ExpireAt; err != nil || changed != c.want || (now == c.at && c.current != c.at) != c.want {
			t.Errorf("%s: changed %v, expiry %d, error %v", c.name, changed, now, err)
		}
	}
}

// The instant 0 has passed long ago; it must not be taken for "never".
func TestPassedInstantsDelete(t *testing.T) {
	for _, expiry := range []Expiry{At(0), At(-5), At(1000), In(0), In(-1000), In(math.MinInt64)} {
		tx := newMemTx()
		tx.Set(keyK, nil, entry.TypeString, 0)
		changed, err := Expire(tx, keyK, expiry, 0)
		if _, ok := tx.Get(keyK); ok || !changed || err != nil {
			t.Errorf("%+v: exists %v, changed %v, %v", expiry, ok, changed, err)
		}
	}
}

func TestOperationsWithoutEffectTouchNothing(t *testing.T) {
	limits := Limits{}.WithDefaults()
	tx := newMemTx()
	tx.Set(keyK, []byte("v"), entry.TypeString, 0)
	tx.Journal = nil
	_, _ = Set(tx, keyK, nil, SetOptions{If: SetIfMissing})
	_ = MSetNX(tx, [][]byte{[]byte("a"), nil, keyK, nil})
	_, _, _ = GetEx(tx, keyK, Expiry{})
	_, _, _ = GetEx(tx, keyK, Never())
	_, _, _ = GetDel(tx, []byte("missing"))
	_, _ = Append(tx, limits, keyK, nil)
	_, _ = SetRange(tx, limits, keyK, 3, nil)
	_, _ = SetRange(tx, limits, []byte("missing"), 3, nil)
	_, _ = Expire(tx, []byte("missing"), In(5), 0)
	_ = Persist(tx, keyK)
	_ = Delete(tx, []byte("missing"))
	if len(tx.Journal) > 0 {
		t.Errorf("did %v", tx.Journal)
	}
}

// Below the threshold a write sets the whole value, from it on it patches the part.
func TestLongValuesArePatched(t *testing.T) {
	limits := Limits{}.WithDefaults()
	for size, want := range map[int]string{0: "set", patchBytesMin - 1: "set", patchBytesMin: "patch", 3 * patchBytesMin: "patch"} {
		for _, offset := range []int{0, size, size + 10} {
			tx := newMemTx()
			tx.Set(keyK, make([]byte, size), entry.TypeString, 7000)
			tx.Journal = nil
			result, err := SetRange(tx, limits, keyK, int64(offset), []byte("data"))
			item := tx.Items["k"]
			if err != nil || !slices.Equal(tx.Journal, []string{want}) || result.Length != len(item.Value) || result.Version != item.Version {
				t.Errorf("%d bytes, offset %d: did %v, %+v, %v; value has %d bytes", size, offset, tx.Journal, result, err, len(item.Value))
			}
			if string(item.Value[offset:offset+4]) != "data" || item.ExpireAt != 7000 {
				t.Errorf("%d bytes, offset %d: wrong value or expiry %d", size, offset, item.ExpireAt)
			}
		}
	}
}
