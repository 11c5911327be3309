package script

import (
	lua "github.com/yuin/gopher-lua"
)

// allowed are the functions of Lua's own that a script may call: they see neither clock, nor files, nor the process, and make nothing
// large of something small. Others are replaced by functions of this package, or missing.
var allowed = map[string][]string{
	"":      {"getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawset", "select", "type", "unpack", "_VERSION"},
	"table": {"getn", "insert", "maxn", "remove", "sort"},
	"math": {
		"abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge", "ldexp", "log", "log10",
		"max", "min", "mod", "modf", "pi", "pow", "rad", "random", "sin", "sinh", "sqrt", "tan", "tanh",
	},
	"string": {"byte", "char", "len", "sub"},
}

// numbersFrom are those of them that take numbers, from this argument on.
var numbersFrom = map[string]map[string]int{
	"":      {"unpack": 2},
	"table": {"remove": 2},
	"math": {
		"abs": 1, "acos": 1, "asin": 1, "atan": 1, "atan2": 1, "ceil": 1, "cos": 1, "cosh": 1, "deg": 1, "exp": 1, "floor": 1, "fmod": 1, "frexp": 1, "ldexp": 1,
		"log": 1, "log10": 1, "max": 1, "min": 1, "mod": 1, "modf": 1, "pow": 1, "rad": 1, "random": 1, "sin": 1, "sinh": 1, "sqrt": 1, "tan": 1, "tanh": 1,
	},
	"string": {"byte": 2, "char": 1, "sub": 2},
}

// sandbox makes the globals of scripts. They are the same for all of them, so none may change anything of it: neither by assignment, nor by
// a function that takes a table.
func (r *runner) sandbox(L *lua.LState) {
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenMath, lua.OpenString} {
		L.Push(L.NewFunction(open))
		L.Call(0, 0)
	}
	full := L.Get(lua.GlobalsIndex).(*lua.LTable)
	shown := pick(L, full, "")
	L.SetFuncs(shown, map[string]lua.LGFunction{
		"assert": assert, "error": r.error, "pcall": r.protected, "xpcall": r.handled, "tonumber": toNumber, "tostring": toString, concatName: r.concat, forName: forNumber,
		"setmetatable": r.setMetatable, "rawset": r.changing(shown, "rawset"),
	})
	tables := map[string]*lua.LTable{
		"redis": r.redisTable(L), "cjson": r.jsonTable(L), "bit": bitTable(L),
		"table":  pick(L, full.RawGetString("table").(*lua.LTable), "table"),
		"math":   pick(L, full.RawGetString("math").(*lua.LTable), "math"),
		"string": pick(L, full.RawGetString("string").(*lua.LTable), "string"),
	}
	L.SetFuncs(tables["table"], map[string]lua.LGFunction{
		"concat": r.tableConcat, "foreach": forEach, "foreachi": forEachIndex,
		"insert": r.changing(tables["table"], "insert"), "remove": r.changing(tables["table"], "remove"), "sort": r.changing(tables["table"], "sort"),
	})
	L.SetFuncs(tables["math"], map[string]lua.LGFunction{"randomseed": func(*lua.LState) int { return 0 }})
	r.stringFunctions(L, tables["string"])
	for name, t := range tables {
		shown.RawSetString(name, r.keep(L, t))
	}
	methods := L.SetFuncs(L.NewTable(), arithmetic)
	methods.RawSetString("__index", tables["string"])
	methods.RawSetString("__metatable", lua.LFalse)
	L.SetMetatable(lua.LString(""), methods)
	outer := L.NewTable()
	outer.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("Script attempted to access nonexistent global variable '%s'", textOf(L.Get(2)))
		return 0
	}))
	L.SetMetatable(shown, outer)
	r.shown, r.globals = shown, r.keep(L, shown)
	shown.RawSetString("_G", r.globals)
}

// pick is what is allowed of a table of the library.
func pick(L *lua.LState, from *lua.LTable, table string) *lua.LTable {
	t := L.NewTable()
	for _, name := range allowed[table] {
		v := from.RawGetString(name)
		if at, takes := numbersFrom[table][name]; takes {
			v = L.NewFunction(numeric(v.(*lua.LFunction), at))
		}
		t.RawSetString(name, v)
	}
	return t
}

const textKept = "Attempt to modify a readonly table"

// keep returns a table that shows another one and can't be changed.
func (r *runner) keep(L *lua.LState, t *lua.LTable) *lua.LTable {
	meta := L.NewTable()
	meta.RawSetString("__index", t)
	meta.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		L.RaiseError(textKept)
		return 0
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	front := L.NewTable()
	L.SetMetatable(front, meta)
	r.kept[front] = struct{}{}
	return front
}

// changing is a function of a table of the library that changes its first argument.
func (r *runner) changing(of *lua.LTable, name string) lua.LGFunction {
	f := of.RawGetString(name).(*lua.LFunction)
	return func(L *lua.LState) int {
		r.checkKept(L, L.CheckTable(1))
		return f.GFunction(L)
	}
}

func (r *runner) checkKept(L *lua.LState, t *lua.LTable) {
	if _, is := r.kept[t]; is {
		r.raise(L, errorTable(L, "ERR "+textKept))
	}
}

// setMetatable is Lua's. The library's takes any value, and then changes all of its type.
func (r *runner) setMetatable(L *lua.LState) int {
	t := L.CheckTable(1)
	r.checkKept(L, t)
	L.CheckTypes(2, lua.LTNil, lua.LTTable)
	if m, is := t.Metatable.(*lua.LTable); is && m.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

func texts(L *lua.LState, list [][]byte) *lua.LTable {
	t := L.CreateTable(len(list), 0)
	for _, text := range list {
		t.Append(lua.LString(text))
	}
	return t
}

// toString is Lua's, with numbers written as C does.
func toString(L *lua.LState) int {
	v := L.CheckAny(1)
	if n, is := v.(lua.LNumber); is {
		L.Push(lua.LString(textOf(n)))
		return 1
	}
	L.Push(L.ToStringMeta(v))
	return 1
}

func forEach(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if called(L, f, k, v) {
			return 1
		}
	}
	return 0
}

func forEachIndex(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for i := 1; i <= t.Len(); i++ {
		if called(L, f, lua.LNumber(i), t.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

// called calls a function and tells whether it gave something, which is left on the stack then.
func called(L *lua.LState, f *lua.LFunction, args ...lua.LValue) bool {
	L.Push(f)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(len(args), 1)
	if L.Get(-1) != lua.LNil {
		return true
	}
	L.Pop(1)
	return false
}
