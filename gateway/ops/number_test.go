package ops

import (
	"math/big"
	"strconv"
	"testing"
)

func TestIntegersHaveOneForm(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "-7": -7, "9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
	} {
		if got, err := ParseInt([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "9223372036854775808", "-9223372036854775809",
		"18446744073709551616", "99999999999999999999", "\x001", "１",
	} {
		if got, err := ParseInt([]byte(text)); err != ErrNotInteger {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}

func FuzzParseIntAgreesWithStrconv(f *testing.F) {
	f.Add([]byte("-9223372036854775808"))
	f.Add([]byte("00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		want, err := strconv.ParseInt(string(text), 10, 64)
		ok := err == nil && strconv.FormatInt(want, 10) == string(text)
		if got, err := ParseInt(text); (err == nil) != ok || ok && got != want {
			t.Errorf("%q: got %d, %v, want %d, %v", text, got, err, want, ok)
		}
	})
}

// The sums that the differential test compares with Redis stand here for machines without it.
func TestFloatSumsHaveNoExponentAndNoTrailingZeros(t *testing.T) {
	for _, c := range []struct{ old, delta, want string }{
		{"10.50", "0.1", "10.6"}, {"5.0e3", "2.0e2", "5200"}, {"0.1", "0.2", "0.3"}, {"3", "1.1", "4.1"}, {"1", "-1", "0"},
		{"-1.5", "1.5", "0"}, {"0", "-0", "0"}, {"0", "1e-18", "0"}, {"1e17", "0.5", "100000000000000000.5"}, {"0", "0x1.8p1", "3"},
		{"3", "-3.0000000000000000001", "0"},
	} {
		tx := newMemTx()
		tx.Set(keyK, []byte(c.old), 1, 7000)
		delta, err := ParseFloat([]byte(c.delta))
		if err != nil {
			t.Errorf("%s: %v", c.delta, err)
			continue
		}
		result, err := IncrFloat(tx, keyK, delta)
		if item := tx.Items["k"]; err != nil || string(result.Text) != c.want || string(item.Value) != c.want || item.ExpireAt != 7000 {
			t.Errorf("%s + %s: got %q, stored %q, expiry %d, %v, want %q", c.old, c.delta, result.Text, item.Value, item.ExpireAt, err, c.want)
		}
	}
}

// strtold takes what rounds to its smallest number, 2^-16445, and a zero with any exponent; what rounds to zero but is
// none is out of its range.
func TestNumbersAtTheEdgeOfTheRangeAreReadAsStrtoldDoes(t *testing.T) {
	for text, taken := range map[string]bool{
		"0x1p-16445": true, "0x1.8p-16446": true, "-0x1.0000001p-16446": true, "-33071045453846418841.8055155317223e-4970": true,
		"0x1p-16446": false, "-0x1p-16446": false, "0x1.fp-16447": false, "1e-4951": false, "1e-99999999999999999999": false,
		"0e99999999999999999999": true, "-0.00e-99999999999999999999": true, "0x0p99999999999999999999": true,
		"1.18973149535723176502e4932": true, "1.1897314953572317651e4932": false, "1e99999999999999999999": false,
	} {
		if _, err := ParseFloat([]byte(text)); (err == nil) != taken {
			t.Errorf("%s: %v, want it taken: %v", text, err, taken)
		}
	}
}

func TestSumsWithoutFiniteValueAreRefused(t *testing.T) {
	largest := []byte("1.18973149535723176502e4932")
	for old, delta := range map[string]string{"inf": "1", "1": "inf", "-inf": "inf", string(largest): string(largest)} {
		tx := newMemTx()
		tx.Set(keyK, []byte(old), 1, 0)
		tx.Journal = nil
		d, err := ParseFloat([]byte(delta))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := IncrFloat(tx, keyK, d); err != ErrNotFinite || len(tx.Journal) > 0 {
			t.Errorf("%.10s + %.10s: %v, did %v", old, delta, err, tx.Journal)
		}
	}
}

// A hostile exponent is refused, not computed; and what is taken is written back without loss of its 64 bits.
func FuzzFloatsAreReadAndWritten(f *testing.F) {
	for _, text := range []string{"1e999999999999", "1e-999999999999", "0x1p99999", "1e4932", "-0", ".5", "5.", "+.5e-3", "nan", "0x", "1__0"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := ParseFloat(text)
		if err != nil || value.IsInf() {
			return
		}
		back, err := ParseFloat(formatFloat(value))
		if len(formatFloat(value)) >= floatBytesMax {
			return
		}
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, formatFloat(value), err)
		}
		step := new(big.Float).SetMantExp(big.NewFloat(1), value.MantExp(nil)-floatPrecBits)
		if lost := new(big.Float).Sub(value, back); lost.Abs(lost).Cmp(step.Add(step, big.NewFloat(1e-17))) > 0 {
			t.Errorf("%q is written as %q, which is %s off", text, formatFloat(value), lost)
		}
	})
}
