package script

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// jsonDepthMax bounds how deep values are nested (lua-cjson, DEFAULT_ENCODE_MAX_DEPTH).
const jsonDepthMax = 1000

// jsonTable makes the table "cjson", with the settings that lua-cjson begins with.
func (r *runner) jsonTable(L *lua.LState) *lua.LTable {
	null := L.NewUserData()
	t := L.NewTable()
	t.RawSetString("null", null)
	return L.SetFuncs(t, map[string]lua.LGFunction{
		"encode": func(L *lua.LState) int {
			e := jsonEncoder{L: L, meter: r.meter, null: null}
			e.value(L.CheckAny(1), 0)
			L.Push(lua.LString(e.out))
			return 1
		},
		"decode": func(L *lua.LState) int {
			d := jsonDecoder{L: L, meter: r.meter, text: L.CheckString(1), null: null}
			r.meter.handled(len(d.text))
			v := d.value(0)
			if d.blanks(); d.at < len(d.text) {
				d.fail("the end")
			}
			L.Push(v)
			return 1
		},
	})
}

type jsonEncoder struct {
	L     *lua.LState
	meter *meter
	null  *lua.LUserData
	out   []byte
}

func (e *jsonEncoder) value(v lua.LValue, depth int) {
	if depth > jsonDepthMax {
		e.L.RaiseError("Cannot serialise, excessive depth (%d)", depth)
	}
	if len(e.out) > stringBytesMax {
		e.L.RaiseError(textTooLarge)
	}
	if s, is := v.(lua.LString); is {
		e.meter.handled(len(s))
	}
	if e.meter.step(); e.meter.stopped != nil {
		e.L.RaiseError("%s", e.meter.stopped.Error())
	}
	switch v := v.(type) {
	case *lua.LNilType:
		e.out = append(e.out, "null"...)
	case lua.LBool:
		e.out = strconv.AppendBool(e.out, bool(v))
	case lua.LNumber:
		e.number(v)
	case lua.LString:
		e.text(string(v))
	case *lua.LTable:
		e.table(v, depth)
	default:
		if v != lua.LValue(e.null) {
			e.L.RaiseError("Cannot serialise %s: type not supported", v.Type().String())
		}
		e.out = append(e.out, "null"...)
	}
}

func (e *jsonEncoder) number(n lua.LNumber) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		e.L.RaiseError("Cannot serialise number: must not be NaN or Inf")
	}
	e.out = append(e.out, formatNumber(float64(n), 14)...)
}

func (e *jsonEncoder) text(s string) {
	if len(e.out)+len(s) > stringBytesMax {
		e.L.RaiseError(textTooLarge)
	}
	e.out = append(e.out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '/':
			e.out = append(e.out, '\\', c)
		case '\b':
			e.out = append(e.out, `\b`...)
		case '\f':
			e.out = append(e.out, `\f`...)
		case '\n':
			e.out = append(e.out, `\n`...)
		case '\r':
			e.out = append(e.out, `\r`...)
		case '\t':
			e.out = append(e.out, `\t`...)
		default:
			if c < 32 || c == 127 {
				e.out = fmt.Appendf(e.out, `\u%04x`, c)
			} else {
				e.out = append(e.out, c)
			}
		}
	}
	e.out = append(e.out, '"')
}

// table writes an array where all keys are positive integers, otherwise an object (lua-cjson, lua_array_length).
func (e *jsonEncoder) table(t *lua.LTable, depth int) {
	count, highest, array := 0, 0, true
	t.ForEach(func(k, _ lua.LValue) {
		n, is := k.(lua.LNumber)
		if i := int(n); is && i > 0 && lua.LNumber(i) == n {
			highest = max(highest, i)
		} else {
			array = false
		}
		count++
	})
	if count == 0 || !array {
		e.object(t, depth)
		return
	}
	const sparseRatio, sparseSafe = 2, 10
	if highest > count*sparseRatio && highest > sparseSafe {
		e.L.RaiseError("Cannot serialise table: excessively sparse array")
	}
	e.out = append(e.out, '[')
	for i := 1; i <= highest; i++ {
		if i > 1 {
			e.out = append(e.out, ',')
		}
		e.value(t.RawGetInt(i), depth+1)
	}
	e.out = append(e.out, ']')
}

func (e *jsonEncoder) object(t *lua.LTable, depth int) {
	e.out = append(e.out, '{')
	first := true
	t.ForEach(func(k, v lua.LValue) {
		if !first {
			e.out = append(e.out, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LString:
			e.text(string(k))
		case lua.LNumber:
			e.out = append(e.out, '"')
			e.number(k)
			e.out = append(e.out, '"')
		default:
			e.L.RaiseError("Cannot serialise table: table key must be a number or string")
		}
		e.out = append(e.out, ':')
		e.value(v, depth+1)
	})
	e.out = append(e.out, '}')
}

type jsonDecoder struct {
	L     *lua.LState
	meter *meter
	text  string
	at    int
	null  *lua.LUserData
}

func (d *jsonDecoder) fail(expected string) {
	found := "T_END"
	if d.at < len(d.text) {
		found = "invalid token"
	}
	d.L.RaiseError("Expected %s but found %s at character %d", expected, found, d.at+1)
}

func (d *jsonDecoder) blanks() {
	for d.at < len(d.text) && (d.text[d.at] == ' ' || d.text[d.at] == '\t' || d.text[d.at] == '\n' || d.text[d.at] == '\r') {
		d.at++
	}
}

// next skips blanks and takes this byte, if it comes.
func (d *jsonDecoder) next(c byte) bool {
	if d.blanks(); d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *jsonDecoder) word(word string) bool {
	if len(d.text)-d.at >= len(word) && d.text[d.at:d.at+len(word)] == word {
		d.at += len(word)
		return true
	}
	return false
}

func (d *jsonDecoder) value(depth int) lua.LValue {
	if depth > jsonDepthMax {
		d.L.RaiseError("Found too many nested data structures (%d)", depth)
	}
	if d.meter.step(); d.meter.stopped != nil {
		d.L.RaiseError("%s", d.meter.stopped.Error())
	}
	switch {
	case d.next('{'):
		return d.object(depth)
	case d.next('['):
		return d.array(depth)
	case d.next('"'):
		return lua.LString(d.string())
	case d.word("true"):
		return lua.LTrue
	case d.word("false"):
		return lua.LFalse
	case d.word("null"):
		return d.null
	}
	begin := d.at
	for d.at < len(d.text) && (isDigit(d.text[d.at]) || isLetter(d.text[d.at]) || d.text[d.at] == '-' || d.text[d.at] == '+' || d.text[d.at] == '.') {
		d.at++
	}
	f, err := strconv.ParseFloat(d.text[begin:d.at], 64)
	if err != nil && !math.IsInf(f, 0) {
		d.at = begin
		d.fail("value")
	}
	return lua.LNumber(f)
}

func (d *jsonDecoder) object(depth int) lua.LValue {
	t := d.L.NewTable()
	if d.next('}') {
		return t
	}
	for {
		if !d.next('"') {
			d.fail("object key string")
		}
		key := d.string()
		if !d.next(':') {
			d.fail("colon")
		}
		t.RawSetString(key, d.value(depth+1))
		if d.next('}') {
			return t
		}
		if !d.next(',') {
			d.fail("comma or object end")
		}
	}
}

func (d *jsonDecoder) array(depth int) lua.LValue {
	t := d.L.NewTable()
	if d.next(']') {
		return t
	}
	for i := 1; ; i++ {
		t.RawSetInt(i, d.value(depth+1))
		if d.next(']') {
			return t
		}
		if !d.next(',') {
			d.fail("comma or array end")
		}
	}
}

// string reads what follows the opening quote. Bytes that are no UTF-8 stay as they are.
func (d *jsonDecoder) string() string {
	var out []byte
	for d.at < len(d.text) {
		c := d.text[d.at]
		d.at++
		switch {
		case c == '"':
			return string(out)
		case c < 32:
			d.at--
			d.fail("string end")
		case c != '\\':
			out = append(out, c)
		default:
			out = d.escaped(out)
		}
	}
	d.fail("string end")
	return ""
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (d *jsonDecoder) escaped(out []byte) []byte {
	if d.at >= len(d.text) {
		d.fail("string end")
	}
	c := d.text[d.at]
	d.at++
	if plain, is := jsonEscapes[c]; is {
		return append(out, plain)
	}
	if c != 'u' {
		d.at--
		d.fail("escape code")
	}
	code := d.hex()
	if code >= 0xD800 && code < 0xDC00 && d.word(`\u`) {
		code = 0x10000 + (code-0xD800)<<10 + (d.hex() - 0xDC00)
	}
	return utf8.AppendRune(out, code)
}

func (d *jsonDecoder) hex() rune {
	const digits = 4
	if len(d.text)-d.at < digits {
		d.fail("unicode escape")
	}
	code, err := strconv.ParseUint(d.text[d.at:d.at+digits], 16, 32)
	if err != nil {
		d.fail("unicode escape")
	}
	d.at += digits
	return rune(code)
}
