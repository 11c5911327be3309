package ops

import (
	"bytes"
	"math/big"

	"github.com/holtcache/holt/raftfsm/entry"
)

const (
	// floatPrecBits, floatExpMax and floatExpMin are the format of Redis' long double on x86-64: 64 bits of mantissa;
	// in the notation of math/big, 0.mantissa * 2^exponent, the exponents of its largest and smallest number. What is
	// more than half of the smallest is rounded up to it.
	floatPrecBits = 64
	floatExpMax   = 16384
	floatExpMin   = -16444
	// floatBytesMax bounds the text of a number (Redis, util.h, MAX_LONG_DOUBLE_CHARS).
	floatBytesMax = 5 * 1024
	// floatDecimals is the number of decimals before trailing zeros are cut (Redis, util.c, ld2string).
	floatDecimals = 17
)

// IncrFloatResult is a number after its change.
type IncrFloatResult struct {
	// Text is the number as it is stored.
	Text    []byte
	Version uint64
}

// IncrFloat adds delta to the number that a key holds; a missing key counts as 0. The key keeps its expiry
// (redis.io/commands/incrbyfloat).
func IncrFloat(tx Tx, key []byte, delta *big.Float) (IncrFloatResult, error) {
	item, ok, err := getString(tx, key)
	if err != nil {
		return IncrFloatResult{}, err
	}
	old := new(big.Float)
	if ok {
		if old, err = ParseFloat(item.Value); err != nil {
			return IncrFloatResult{}, err
		}
	}
	text, err := addFloat(old, delta)
	if err != nil {
		return IncrFloatResult{}, err
	}
	return IncrFloatResult{Text: text, Version: tx.Set(key, text, entry.TypeString, item.ExpireAt)}, nil
}

// addFloat is the text of a sum.
func addFloat(a, b *big.Float) ([]byte, error) {
	if a.IsInf() || b.IsInf() {
		return nil, ErrNotFinite
	}
	sum := newFloat().Add(a, b)
	if sum.MantExp(nil) > floatExpMax {
		return nil, ErrNotFinite
	}
	return formatFloat(sum), nil
}

func newFloat() *big.Float { return new(big.Float).SetPrec(floatPrecBits) }

// ParseFloat reads a number as strtold does: decimal or hexadecimal, with or without exponent, or an infinity; but
// neither spaces nor NaN (Redis, util.c, string2ld).
func ParseFloat(text []byte) (*big.Float, error) {
	if len(text) == 0 || len(text) >= floatBytesMax {
		return nil, ErrNotFloat
	}
	sign, digits := text[:0], text
	if text[0] == '-' || text[0] == '+' {
		sign, digits = text[:1], text[1:]
	}
	if bytes.EqualFold(digits, []byte("inf")) || bytes.EqualFold(digits, []byte("infinity")) {
		return newFloat().SetInf(bytes.Equal(sign, []byte("-"))), nil
	}
	base := 10
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		base = 0 // math/big then reads the prefix, in lower or upper case
	}
	if !isNumber(digits, base) {
		return nil, ErrNotFloat
	}
	if isZero(digits, base) {
		return newFloat(), nil // whatever the exponent, which may be more than math/big reads
	}
	f, _, err := newFloat().Parse(string(text), base)
	if err != nil || f.IsInf() {
		return nil, ErrNotFloat
	}
	if exp := f.MantExp(nil); exp > floatExpMax || exp < floatExpMin && f.MinPrec() == 1 || exp < floatExpMin-1 {
		return nil, ErrNotFloat
	}
	return f, nil
}

// isZero tells whether a number as isNumber takes it has no other digit than 0 before its exponent.
func isZero(number []byte, base int) bool {
	exponent := "eE"
	if base == 0 {
		number, exponent = number[2:], "pP"
	}
	if end := bytes.IndexAny(number, exponent); end >= 0 {
		number = number[:end]
	}
	return len(bytes.Trim(number, "0.")) == 0
}

// isNumber tells whether all of text is an unsigned number as strtold reads it; base 0 means that it begins with 0x.
func isNumber(text []byte, base int) bool {
	isDigit, exponent := isDecimal, byte('e')
	if base == 0 {
		text, isDigit, exponent = text[2:], isHex, 'p'
	}
	whole := countWhile(text, isDigit)
	text = text[whole:]
	fraction := 0
	if len(text) > 0 && text[0] == '.' {
		fraction = countWhile(text[1:], isDigit)
		text = text[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if len(text) == 0 {
		return true
	}
	if text[0]|0x20 != exponent {
		return false
	}
	text = text[1:]
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return len(text) > 0 && countWhile(text, isDecimal) == len(text)
}

func isDecimal(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDecimal(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func countWhile(text []byte, is func(byte) bool) int {
	n := 0
	for n < len(text) && is(text[n]) {
		n++
	}
	return n
}

// formatFloat writes a number without exponent and without trailing zeros; minus zero becomes 0.
func formatFloat(f *big.Float) []byte {
	text := f.Append(nil, 'f', floatDecimals)
	text = bytes.TrimRight(text, "0")
	text = bytes.TrimSuffix(text, []byte("."))
	if string(text) == "-0" {
		text = text[1:]
	}
	return text
}
