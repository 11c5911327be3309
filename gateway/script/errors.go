package script

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
)

// error is Lua's, that notes the line.
func (r *runner) error(L *lua.LState) int {
	level := optInt(L, 2, 1)
	switch v := L.Get(1).(type) {
	case *lua.LTable:
		if r.line = where(L); r.line != "" && v.RawGetString("err") != lua.LNil && v.RawGetString("line") == lua.LNil {
			v.RawSetString("line", lua.LString(r.line))
		}
		L.Error(v, 0)
	case lua.LString, lua.LNumber:
		r.line = where(L)
		L.Error(lua.LString(position(L, level)+textOf(v)), 0)
	default:
		r.line = where(L)
		L.Error(v, 0)
	}
	return 0
}

// assert is Lua's. The library takes the text for a format.
func assert(L *lua.LState) int {
	if L.CheckAny(1); L.ToBool(1) {
		return L.GetTop()
	}
	L.RaiseError("%s", L.OptString(2, "assertion failed!"))
	return 0
}

// tryCall calls a function, as PCall does, but keeps no trace of the stack: that of a function that has called itself in its last statement
// for long takes longer than all that it did.
func (r *runner) tryCall(L *lua.LState, args, results int) error {
	L.Insert(r.quietCall, L.GetTop()-args)
	return L.PCall(args+1, results, nil)
}

// quietCall calls its first argument with the others.
func quietCall(L *lua.LState) int {
	L.Panic = func(L *lua.LState) {
		panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: L.Get(-1), StackTrace: "none"})
	}
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

// protected is Lua's pcall. Of an error that is a table with a text the text is returned (Redis, script_lua.c, luaRedisPcall).
func (r *runner) protected(L *lua.LState) int {
	L.CheckAny(1)
	err := r.tryCall(L, L.GetTop()-1, lua.MultRet)
	if err == nil {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	raised := r.raised(err)
	if t, is := raised.(*lua.LTable); is {
		if text, is := t.RawGetString("err").(lua.LString); is {
			raised = text
		}
	}
	L.Push(lua.LFalse)
	L.Push(raised)
	return 2
}

// handled is Lua's xpcall.
func (r *runner) handled(L *lua.LState) int {
	f, handler := L.CheckAny(1), L.CheckFunction(2)
	L.SetTop(0)
	L.Push(f)
	err := r.tryCall(L, 0, lua.MultRet)
	if err == nil {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	L.Push(lua.LFalse)
	L.Push(handler)
	L.Push(r.raised(err))
	L.Call(1, lua.MultRet)
	return L.GetTop()
}

// raised is what the script gets of an error. A fault of the machine itself ends the use of the runner.
func (r *runner) raised(err error) lua.LValue {
	var of *lua.ApiError
	if !errors.As(err, &of) || of.Type == lua.ApiErrorPanic {
		r.faulty = true
	}
	if of == nil || of.Object == nil {
		return lua.LString(err.Error())
	}
	return of.Object
}

// position is where the function at this level is, as Lua puts it before an error; empty where that is no function of the script.
func position(L *lua.LState, level int) string {
	if level <= 0 {
		return ""
	}
	frame, ok := L.GetStack(level)
	if !ok {
		return ""
	}
	if f, err := L.GetInfo("f", frame, nil); err != nil || f.(*lua.LFunction).IsG {
		return ""
	}
	return L.Where(level) + " "
}

// where is the line of the script that has called the function.
func where(L *lua.LState) string { return lineIn(L.Where(1)) }
