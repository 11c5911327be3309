package resp

// Kind says which of RESP's types a [Value] has.
type Kind byte

const (
	KindNull      Kind = iota // RESP2 writes it as the null bulk
	KindNullArray             // RESP3 knows only one null
	KindSimple
	KindError
	KindInt
	KindBulk
	KindArray
	KindMap
	KindSet
	KindPush
	KindBool
	KindDouble
	KindVerbatim
	KindBigNumber
	KindPairs // RESP3 writes each pair as an array of its own, RESP2 all members one after the other
	// KindRaw is bytes of another server; they go out as they are.
	KindRaw
)

// verbatimPrefixBytes is the length of "txt:": three bytes of format, one colon.
const verbatimPrefixBytes = 4

// Value is one reply. It does not own Str or Elems: who passes them in leaves them alone until the value is written.
type Value struct {
	Kind  Kind
	Int   int64   // KindInt; KindBool: 1 or 0
	Float float64 // KindDouble
	// Str is the text or the bytes of KindSimple, KindError, KindBulk, KindBigNumber, KindVerbatim.
	// Invariant: of a verbatim it begins with the format, as on the wire: "txt:Some text".
	Str []byte
	// Elems are the members of KindArray, KindSet, KindPush, KindMap, KindPairs. Those of a map alternate key, value.
	Elems []Value
}

var okText = []byte("OK")

// OK is the reply to a command that has nothing else to say.
func OK() Value { return Value{Kind: KindSimple, Str: okText} }

// Simple is a short text without line breaks, such as PONG.
func Simple(s string) Value { return Value{Kind: KindSimple, Str: []byte(s)} }

// Err is an error reply; text is the whole line without the '-', such as "ERR syntax error". [Value.Append] makes it
// one line of at most [ErrorBytesMax] bytes, whatever a client managed to get into it.
func Err(text string) Value { return Value{Kind: KindError, Str: []byte(text)} }

// Int is an integer.
func Int(n int64) Value { return Value{Kind: KindInt, Int: n} }

// Bulk is a binary string; nil is the empty one.
func Bulk(b []byte) Value { return Value{Kind: KindBulk, Str: b} }

// BulkString is a binary string.
func BulkString(s string) Value { return Value{Kind: KindBulk, Str: []byte(s)} }

// Null is the absence of a value.
func Null() Value { return Value{Kind: KindNull} }

// NullArray is the absence of an array, as EXEC answers it after a changed WATCH.
func NullArray() Value { return Value{Kind: KindNullArray} }

// Array is a list of replies.
func Array(v ...Value) Value { return Value{Kind: KindArray, Elems: v} }

// Map is a dictionary, given as key, value, key, value. It panics if the last key has no value.
func Map(kv ...Value) Value {
	if len(kv)%2 != 0 {
		panic("resp: map with a key that has no value")
	}
	return Value{Kind: KindMap, Elems: kv}
}

// Pairs is a list of pairs in which a first member may come again, given as first, second, first, second. It panics if the last
// first member has no second.
func Pairs(v ...Value) Value {
	if len(v)%2 != 0 {
		panic("resp: a pair without its second member")
	}
	return Value{Kind: KindPairs, Elems: v}
}

// Set is a collection without order.
func Set(v ...Value) Value { return Value{Kind: KindSet, Elems: v} }

// Push is a message outside the order of requests, such as an invalidation. RESP2 connections see an array.
func Push(v ...Value) Value { return Value{Kind: KindPush, Elems: v} }

// Bool is a truth value.
func Bool(b bool) Value {
	if b {
		return Value{Kind: KindBool, Int: 1}
	}
	return Value{Kind: KindBool}
}

// Double is a floating point number.
func Double(f float64) Value { return Value{Kind: KindDouble, Float: f} }

// Verbatim is a text with the three letters of its format, "txt" or "mkd"; any other length of format means "txt".
func Verbatim(format, text string) Value {
	if len(format) != verbatimPrefixBytes-1 {
		format = "txt"
	}
	return Value{Kind: KindVerbatim, Str: []byte(format + ":" + text)}
}

// BigNumber is an integer of any size, given as decimal digits.
func BigNumber(digits string) Value { return Value{Kind: KindBigNumber, Str: []byte(digits)} }

// IsError reports whether the reply is an error.
func (v Value) IsError() bool { return v.Kind == KindError }
