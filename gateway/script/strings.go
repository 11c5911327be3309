package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFunctions are those functions of the table "string" that may take much time or memory.
func (r *runner) stringFunctions(L *lua.LState, t *lua.LTable) {
	L.SetFuncs(t, map[string]lua.LGFunction{
		"lower": r.mapped(lower), "upper": r.mapped(upper), "reverse": r.reverse, "rep": r.repeat, "format": r.format, "find": r.find, "match": r.matchOnce, "gmatch": r.matchEach, "gfind": r.matchEach, "gsub": r.replace,
	})
}

func (r *runner) repeat(L *lua.LState) int {
	text, n := L.CheckString(1), max(int(number(L, 2)), 0)
	if n > 0 && len(text) > stringBytesMax/n {
		L.RaiseError(textTooLarge)
	}
	r.meter.handled(len(text) * n)
	L.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

// mapped is a function that replaces each byte.
func (r *runner) mapped(f func(byte) byte) lua.LGFunction {
	return func(L *lua.LState) int {
		text := []byte(L.CheckString(1))
		r.meter.handled(len(text))
		for i, c := range text {
			text[i] = f(c)
		}
		L.Push(lua.LString(text))
		return 1
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

func (r *runner) reverse(L *lua.LState) int {
	text := []byte(L.CheckString(1))
	r.meter.handled(len(text))
	slices.Reverse(text)
	L.Push(lua.LString(text))
	return 1
}

func (r *runner) tableConcat(L *lua.LState) int {
	t, between := L.CheckTable(1), L.OptString(2, "")
	from, to := optInt(L, 3, 1), optInt(L, 4, t.Len())
	var joined strings.Builder
	defer func() { r.meter.handled(joined.Len()) }()
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type().String(), i)
		}
		joined.WriteString(textOf(v))
		if i < to {
			joined.WriteString(between)
		}
		if joined.Len() > stringBytesMax {
			L.RaiseError(textTooLarge)
		}
	}
	L.Push(lua.LString(joined.String()))
	return 1
}

// format is C's printf as Lua knows it.
func (r *runner) format(L *lua.LState) int {
	pattern := L.CheckString(1)
	var out strings.Builder
	defer func() { r.meter.handled(out.Len()) }()
	arg := 1
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			out.WriteByte(pattern[i])
			continue
		}
		begin := i
		i++
		for i < len(pattern) && strings.IndexByte("-+ #0", pattern[i]) >= 0 {
			i++
		}
		digits := i
		for i < len(pattern) && (isDigit(pattern[i]) || pattern[i] == '.') {
			i++
		}
		width, precision, _ := strings.Cut(pattern[digits:i], ".")
		if len(width) > 2 || len(precision) > 2 {
			L.RaiseError("invalid format (width or precision too long)")
		}
		if i >= len(pattern) {
			L.RaiseError("invalid option '%%' to 'format'")
		}
		if pattern[i] == '%' {
			out.WriteByte('%')
			continue
		}
		arg++
		out.WriteString(formatOne(L, pattern[begin:i], pattern[i], arg))
		if out.Len() > stringBytesMax {
			L.RaiseError(textTooLarge)
		}
	}
	L.Push(lua.LString(out.String()))
	return 1
}

func formatOne(L *lua.LState, spec string, verb byte, arg int) string {
	switch verb {
	case 'd', 'i':
		return fmt.Sprintf(spec+"d", truncated(float64(number(L, arg))))
	case 'u':
		return fmt.Sprintf(spec+"d", uint64(truncated(float64(number(L, arg)))))
	case 'x', 'X', 'o':
		return fmt.Sprintf(spec+string(verb), uint64(truncated(float64(number(L, arg)))))
	case 'c':
		if c := byte(truncated(float64(number(L, arg)))); c != 0 { // which ends a string of C
			return padded(spec, string([]byte{c}))
		}
		return ""
	case 'e', 'E', 'f':
		return fmt.Sprintf(spec+string(verb), float64(number(L, arg)))
	case 'g', 'G':
		f := float64(number(L, arg))
		flags, precision, given := strings.Cut(spec, ".")
		digits := 6
		if given {
			digits, _ = strconv.Atoi(precision)
		}
		text := formatNumber(f, max(digits, 1))
		if verb == 'G' {
			text = strings.ToUpper(text)
		}
		return fmt.Sprintf(strings.TrimRight(flags, "+ #")+"s", text)
	case 'q':
		return quoted(L.CheckString(arg))
	case 's':
		text := textOf(L.ToStringMeta(L.CheckAny(arg)))
		if n, is := L.Get(arg).(lua.LNumber); is {
			text = textOf(n)
		}
		return padded(spec, text)
	}
	L.RaiseError("invalid option '%%%c' to 'format'", verb)
	return ""
}

// padded is a string with the width and precision of a format, in bytes; Go's are in characters.
func padded(spec, text string) string {
	width, precision, cut := strings.Cut(strings.TrimLeft(spec, "%-+ #0"), ".")
	if cut {
		n, _ := strconv.Atoi(precision) // none is 0
		text = text[:min(n, len(text))]
	}
	n, _ := strconv.Atoi(width)
	blanks := strings.Repeat(" ", max(n-len(text), 0))
	if strings.Contains(spec, "-") {
		return text + blanks
	}
	return blanks + text
}

// quoted is a string as Lua reads it.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\r':
			out.WriteString("\\r")
		case 0:
			out.WriteString("\\000")
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// matcher makes a matcher of the first two arguments. anchored: the pattern begins with "^", which is taken off.
func (r *runner) matcher(L *lua.LState) (m *matcher, anchored bool) {
	m = &matcher{meter: r.meter, text: L.CheckString(1), pattern: L.CheckString(2)}
	if len(m.pattern) > patternBytesMax {
		L.RaiseError("pattern too long")
	}
	if anchored = strings.HasPrefix(m.pattern, "^"); anchored {
		m.pattern = m.pattern[1:]
	}
	return m, anchored
}

// at matches at one place.
func (m *matcher) at(L *lua.LState, s int) (end int) {
	m.level = 0
	end = m.match(s, 0)
	m.check(L)
	return end
}

func (m *matcher) check(L *lua.LState) {
	if m.err != nil {
		L.RaiseError("%s", m.err.Error())
	}
}

// push pushes the captures, the whole match where there are none, and returns how many.
func (m *matcher) push(L *lua.LState, s, end int) int {
	n := max(m.level, 1)
	for i := range n {
		L.Push(m.capture(i, s, end))
	}
	m.check(L)
	return n
}

// start is the place that the third argument names.
func start(L *lua.LState, length int) int {
	at := optInt(L, 3, 1)
	if at < 0 {
		at += length + 1
	}
	return min(max(at, 1)-1, length)
}

func (r *runner) find(L *lua.LState) int {
	m, anchored := r.matcher(L)
	s := start(L, len(m.text))
	if plain := L.CheckString(2); lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(plain, "^$*+?.([%-") {
		r.meter.handled(len(m.text) - s)
		i := strings.Index(m.text[s:], plain)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(s + i + 1))
		L.Push(lua.LNumber(s + i + len(plain)))
		return 2
	}
	for ; s <= len(m.text); s++ {
		if end := m.at(L, s); end >= 0 {
			L.Push(lua.LNumber(s + 1))
			L.Push(lua.LNumber(end))
			if m.level == 0 {
				return 2
			}
			return 2 + m.push(L, s, end)
		}
		if anchored {
			break
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (r *runner) matchOnce(L *lua.LState) int {
	m, anchored := r.matcher(L)
	for s := start(L, len(m.text)); s <= len(m.text); s++ {
		if end := m.at(L, s); end >= 0 {
			return m.push(L, s, end)
		}
		if anchored {
			break
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (r *runner) matchEach(L *lua.LState) int {
	m := &matcher{meter: r.meter, text: L.CheckString(1), pattern: L.CheckString(2)}
	if len(m.pattern) > patternBytesMax {
		L.RaiseError("pattern too long")
	}
	next := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		for s := next; s <= len(m.text); s++ {
			if end := m.at(L, s); end >= 0 {
				if next = end; end == s {
					next++
				}
				return m.push(L, s, end)
			}
		}
		next = len(m.text) + 1
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}

func (r *runner) replace(L *lua.LState) int {
	m, anchored := r.matcher(L)
	by := L.CheckAny(3)
	switch by.Type() {
	case lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction:
	default:
		L.RaiseError("bad argument #3 to 'gsub' (string/function/table expected)")
	}
	most := optInt(L, 4, len(m.text)+1)
	var out strings.Builder
	s, n := 0, 0
	for n < most {
		end := m.at(L, s)
		if end >= 0 {
			n++
			out.WriteString(m.replacement(L, by, s, end))
		}
		if out.Len() > stringBytesMax {
			L.RaiseError(textTooLarge)
		}
		switch {
		case end > s:
			s = end
		case s < len(m.text):
			out.WriteByte(m.text[s])
			s++
		default:
			s++
		}
		if s > len(m.text) || anchored {
			break
		}
	}
	out.WriteString(m.text[min(s, len(m.text)):])
	r.meter.handled(out.Len())
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(n))
	return 2
}

// replacement is what takes the place of a match.
func (m *matcher) replacement(L *lua.LState, by lua.LValue, s, end int) string {
	var v lua.LValue
	switch by := by.(type) {
	case *lua.LTable:
		v = L.GetTable(by, m.capture(0, s, end))
	case *lua.LFunction:
		L.Push(by)
		L.Call(m.push(L, s, end), 1)
		v = L.Get(-1)
		L.Pop(1)
	default:
		return m.filledIn(L, textOf(by), s, end)
	}
	m.check(L)
	switch {
	case !lua.LVAsBool(v):
		return m.text[s:end]
	case !lua.LVCanConvToString(v):
		L.RaiseError("invalid replacement value (a %s)", v.Type().String())
	}
	return textOf(v)
}

// filledIn is a replacement text with its captures.
func (m *matcher) filledIn(L *lua.LState, text string, s, end int) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == '0':
			out.WriteString(m.text[s:end])
		case isDigit(c):
			out.WriteString(textOf(m.capture(int(c-'1'), s, end)))
			m.check(L)
		default:
			out.WriteByte(c)
		}
		if out.Len() > stringBytesMax {
			L.RaiseError(textTooLarge)
		}
	}
	return out.String()
}
