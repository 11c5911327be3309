package script

import (
	lua "github.com/yuin/gopher-lua"
)

// textTooLarge is what Lua says of a string that would be over the limit.
const textTooLarge = "resulting string too large"

// concat joins its arguments, from right to left as the operator does.
func (r *runner) concat(L *lua.LState) int {
	n := L.GetTop()
	size := 0
	plain := true
	for i := 1; i <= n; i++ {
		v := L.Get(i)
		plain = plain && lua.LVCanConvToString(v)
		if s, is := v.(lua.LString); is {
			size += len(s)
		}
	}
	if size > stringBytesMax {
		L.RaiseError(textTooLarge)
	}
	r.meter.handled(size)
	if plain {
		joined := make([]byte, 0, size)
		for i := 1; i <= n; i++ {
			joined = append(joined, textOf(L.Get(i))...)
		}
		L.Push(lua.LString(joined))
		return 1
	}
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		right = r.concatTwo(L, L.Get(i), right)
	}
	L.Push(right)
	return 1
}

func (r *runner) concatTwo(L *lua.LState, left, right lua.LValue) lua.LValue {
	if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
		a, b := textOf(left), textOf(right)
		if len(a)+len(b) > stringBytesMax {
			L.RaiseError(textTooLarge)
		}
		r.meter.handled(len(a) + len(b))
		return lua.LString(a + b)
	}
	for _, operand := range []lua.LValue{left, right} {
		if method := L.GetMetaField(operand, "__concat"); method != lua.LNil {
			L.Push(method)
			L.Push(left)
			L.Push(right)
			L.Call(2, 1)
			result := L.Get(-1)
			L.Pop(1)
			return result
		}
	}
	wrong := left
	if lua.LVCanConvToString(left) {
		wrong = right
	}
	L.RaiseError("attempt to concatenate a %s value", wrong.Type().String())
	return lua.LNil
}
