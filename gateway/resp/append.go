package resp

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
)

// ErrorBytesMax is the longest error line written. Ours name shards, addresses and advice in under 300 bytes; the
// rest is room for what a client's own words add, and no reason for a client to make us send it pages.
const ErrorBytesMax = 1024

// Append writes the value to dst in protocol 2 or 3 and returns the longer slice. It allocates only to make dst
// longer. What RESP2 has no type for becomes the type that Redis gives such a client: map, set, pairs and push an array, bool
// :1 or :0, double, verbatim and big number a bulk.
func (v Value) Append(dst []byte, proto int) []byte { return v.append(dst, proto >= 3) }

// AppendBulkHead appends what comes before the bytes of a bulk; a line break ends it.
func AppendBulkHead(dst []byte, sizeBytes int) []byte {
	return appendNumber(dst, '$', int64(sizeBytes))
}

func (v *Value) append(dst []byte, resp3 bool) []byte {
	switch v.Kind {
	case KindNull, KindNullArray:
		return appendNull(dst, v.Kind, resp3)
	case KindSimple:
		return appendLine(dst, '+', v.Str)
	case KindError:
		return appendLine(dst, '-', cutText(bytes.Trim(v.Str, "\r\n"), ErrorBytesMax)) // at its ends as in Redis
	case KindInt:
		return appendNumber(dst, ':', v.Int)
	case KindBulk:
		return appendBulk(dst, '$', v.Str)
	case KindArray, KindMap, KindSet, KindPush, KindPairs:
		return v.appendAggregate(dst, resp3)
	case KindBool:
		return appendBool(dst, v.Int != 0, resp3)
	case KindDouble:
		return appendDouble(dst, v.Float, resp3)
	case KindVerbatim:
		return appendVerbatim(dst, v.Str, resp3)
	case KindBigNumber:
		if resp3 {
			return appendLine(dst, '(', v.Str)
		}
		return appendBulk(dst, '$', v.Str)
	case KindRaw:
		return append(dst, v.Str...)
	}
	return append(dst, "-ERR reply of an unknown kind; this is a bug, please report it\r\n"...)
}

func (v *Value) appendAggregate(dst []byte, resp3 bool) []byte {
	elems := v.Elems
	sign, count := byte('*'), len(elems)
	if v.Kind == KindMap || v.Kind == KindPairs {
		elems = elems[:count&^1] // a key without its value would put the stream out of step
		count = len(elems)
	}
	if resp3 {
		switch v.Kind {
		case KindMap:
			sign, count = '%', count/2
		case KindPairs:
			return appendPairs(appendNumber(dst, sign, int64(count/2)), elems)
		case KindSet:
			sign = '~'
		case KindPush:
			sign = '>'
		}
	}
	dst = appendNumber(dst, sign, int64(count))
	for i := range elems {
		dst = elems[i].append(dst, resp3)
	}
	return dst
}

// appendPairs writes the members of RESP3's array of pairs.
func appendPairs(dst []byte, elems []Value) []byte {
	for i := range elems {
		if i%2 == 0 {
			dst = append(dst, "*2\r\n"...)
		}
		dst = elems[i].append(dst, true)
	}
	return dst
}

func appendNull(dst []byte, kind Kind, resp3 bool) []byte {
	switch {
	case resp3:
		return append(dst, "_\r\n"...)
	case kind == KindNullArray:
		return append(dst, "*-1\r\n"...)
	}
	return append(dst, "$-1\r\n"...)
}

func appendBool(dst []byte, b, resp3 bool) []byte {
	switch {
	case resp3 && b:
		return append(dst, "#t\r\n"...)
	case resp3:
		return append(dst, "#f\r\n"...)
	case b:
		return append(dst, ":1\r\n"...)
	}
	return append(dst, ":0\r\n"...)
}

func appendDouble(dst []byte, f float64, resp3 bool) []byte {
	var room [32]byte // the longest double, -2.2250738585072014e-308, has 24 bytes
	text := formatDouble(room[:0], f)
	if resp3 {
		return appendLine(dst, ',', text)
	}
	return appendBulk(dst, '$', text)
}

// formatDouble writes the shortest digits that read back as f, with an exponent where C's %.17g (which Redis uses) has
// one.
func formatDouble(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case abs == 0 || abs >= 1e-4 && abs < 1e17:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'e', -1, 64)
}

// appendVerbatim writes text, whose first bytes name its format. A text without a format has none that a client could
// show: it goes out as a bulk.
func appendVerbatim(dst, text []byte, resp3 bool) []byte {
	hasFormat := len(text) >= verbatimPrefixBytes && text[verbatimPrefixBytes-1] == ':'
	switch {
	case !hasFormat:
		return appendBulk(dst, '$', text)
	case resp3:
		return appendBulk(dst, '=', text)
	}
	return appendBulk(dst, '$', text[verbatimPrefixBytes:])
}

func appendNumber(dst []byte, sign byte, n int64) []byte {
	dst = append(dst, sign)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

func appendBulk(dst []byte, sign byte, b []byte) []byte {
	dst = appendNumber(dst, sign, int64(len(b)))
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}

// appendLine writes text as one line: what would end the line early, and NUL, becomes a space. Otherwise a client
// could put a reply of its choice into the answer to a command (CVE-2025-67733).
func appendLine(dst []byte, sign byte, text []byte) []byte {
	dst = append(dst, sign)
	from := len(dst)
	dst = append(dst, text...)
	for i, c := range dst[from:] {
		if c == '\r' || c == '\n' || c == 0 {
			dst[from+i] = ' '
		}
	}
	return append(dst, '\r', '\n')
}

// cutText returns at most limit bytes of text, without half a UTF-8 sequence at the end.
func cutText(text []byte, limit int) []byte {
	if len(text) <= limit {
		return text
	}
	for back := 0; back < utf8.UTFMax; back++ {
		if utf8.RuneStart(text[limit-back]) {
			return text[:limit-back]
		}
	}
	return text[:limit] // not UTF-8
}
