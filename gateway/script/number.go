package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// textOf is a string or number as Lua makes text of it.
func textOf(v lua.LValue) string {
	if n, is := v.(lua.LNumber); is {
		return formatNumber(float64(n), 14)
	}
	return lua.LVAsString(v)
}

// formatNumber is C's %.<digits>g.
func formatNumber(f float64, digits int) string {
	switch {
	case math.IsNaN(f):
		if math.Signbit(f) {
			return "-nan"
		}
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	}
	return strconv.FormatFloat(f, 'g', digits, 64)
}

// numberIn reads a number as Lua 5.1 does: what C's strtod takes, with blanks around it. The library takes "010" for octal.
func numberIn(text string) (lua.LNumber, bool) {
	text = strings.Trim(text, " \t\n\v\f\r")
	if strings.Contains(text, "_") {
		return 0, false
	}
	if digits := strings.ToLower(strings.TrimLeft(text, "+-")); strings.HasPrefix(digits, "0x") && !strings.Contains(digits, "p") {
		text += "p0"
	}
	f, err := strconv.ParseFloat(text, 64)
	return lua.LNumber(f), err == nil || math.IsInf(f, 0)
}

// numberOf is a number, or the one in a string.
func numberOf(v lua.LValue) (lua.LNumber, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return v, true
	case lua.LString:
		return numberIn(string(v))
	}
	return 0, false
}

// number is an argument that is a number, or a string that holds one.
func number(L *lua.LState, at int) lua.LNumber {
	n, ok := numberOf(L.Get(at))
	if !ok {
		L.TypeError(at, lua.LTNumber)
	}
	return n
}

// optInt is an argument that is an integer, or this one where it is missing.
func optInt(L *lua.LState, at, missing int) int {
	if L.Get(at) == lua.LNil {
		return missing
	}
	return int(number(L, at))
}

// toNumber is Lua's tonumber.
func toNumber(L *lua.LState) int {
	v := L.CheckAny(1)
	base := optInt(L, 2, 10)
	if base == 10 {
		n, ok := numberOf(v)
		if !ok {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(n)
		return 1
	}
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	text := strings.ToLower(strings.TrimSpace(L.CheckString(1)))
	if base == 16 {
		text = strings.TrimPrefix(text, "0x")
	}
	if n, err := strconv.ParseUint(text, base, 64); err == nil {
		L.Push(lua.LNumber(n))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// forNumber is what the values of a "for" go through: Lua takes numbers in strings too.
func forNumber(L *lua.LState) int {
	n, ok := numberOf(L.Get(1))
	if !ok {
		L.RaiseError("'for' %s must be a number", L.ToString(2))
	}
	L.Push(n)
	return 1
}

// numeric is a function of the library whose arguments from this one on are numbers, which Lua takes in strings too.
func numeric(f *lua.LFunction, from int) lua.LGFunction {
	return func(L *lua.LState) int {
		for i := from; i <= L.GetTop(); i++ {
			if text, is := L.Get(i).(lua.LString); is {
				if n, ok := numberIn(string(text)); ok {
					L.Replace(i, n)
				}
			}
		}
		return f.GFunction(L)
	}
}

// arithmetic are the operators on strings, for the table of methods of strings.
var arithmetic = map[string]lua.LGFunction{
	"__add": onNumbers("__add", func(a, b float64) float64 { return a + b }),
	"__sub": onNumbers("__sub", func(a, b float64) float64 { return a - b }),
	"__mul": onNumbers("__mul", func(a, b float64) float64 { return a * b }),
	"__div": onNumbers("__div", func(a, b float64) float64 { return a / b }),
	"__mod": onNumbers("__mod", func(a, b float64) float64 { return a - math.Floor(a/b)*b }),
	"__pow": onNumbers("__pow", math.Pow),
	"__unm": func(L *lua.LState) int {
		L.Push(-operand(L, 1))
		return 1
	},
}

// onNumbers is an operator on two values, one of which is a string. Where the one on the right has an operator of its own, that is called.
func onNumbers(name string, f func(a, b float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		if own, is := L.GetMetaField(L.Get(2), name).(*lua.LFunction); is && L.Get(2).Type() != lua.LTString {
			L.Push(own)
			L.Push(L.Get(1))
			L.Push(L.Get(2))
			L.Call(2, 1)
			return 1
		}
		a, b := operand(L, 1), operand(L, 2)
		L.Push(lua.LNumber(f(float64(a), float64(b))))
		return 1
	}
}

func operand(L *lua.LState, at int) lua.LNumber {
	n, ok := numberOf(L.Get(at))
	if !ok {
		L.RaiseError("attempt to perform arithmetic on a %s value", L.Get(at).Type().String())
	}
	return n
}
