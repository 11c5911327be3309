package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/holtcache/holt/gateway/resp"
)

// Scripts see neither files nor the process.
func TestScriptsAreShutIn(t *testing.T) {
	for _, name := range []string{
		"os", "io", "load", "loadstring", "loadfile", "dofile", "require", "module", "package", "debug", "print", "coroutine", "collectgarbage", "getfenv", "setfenv",
		"newproxy", "channel", "_printregs",
	} {
		v, err := run(t, "return "+name)
		if err != nil || !strings.Contains(string(v.Str), "nonexistent global variable '"+name+"'") {
			t.Errorf("%s: got %q, %v", name, v.Str, err)
		}
	}
}

// The next script runs on the same machine, and must not find anything of the one before.
func TestScriptsLeaveNothingBehind(t *testing.T) {
	r := newRunner()
	env := &Env{Keys: [][]byte{[]byte("key")}, Call: func([][]byte) resp.Value { return resp.OK() }}
	if _, err := r.run(compiled(t, "return 1"), env, newMeter()); err != nil {
		t.Fatal(err)
	}
	r.release()
	before := everything(r)
	for _, attempt := range []string{
		`leak = 1`, `_G.leak = 1`, `rawset(_G, "leak", 1)`, `rawset(redis, "leak", 1)`, `rawset(string, "leak", 1)`, `string.leak = 1`, `redis.call = nil`, `cjson.encode = 1`,
		`table.insert(redis, 1)`, `table.insert(_G, 1, 1)`, `table.remove(string)`, `table.sort(_G)`, `setmetatable(_G, {})`, `setmetatable(redis, nil)`, `setmetatable("", {})`,
		`setmetatable(5, {__index = {leak = 1}})`, `setmetatable(print, {})`, `setmetatable(true, {__call = print})`, `setmetatable(cjson.null, {})`, `setmetatable(redis.call, {})`,
		`getmetatable("").__index = {}`, `getmetatable(_G).__index = {}`, `KEYS[1] = "leak" KEYS.leak = 1 ARGV = nil`, `redis.setresp(3)`, `math.randomseed(1)`,
		`local s = "x" s.leak = 1`, `("").leak = 1`, `redis.call("SET", "a", "b") error({err = "x", line = "7"})`, `for w in string.gmatch("a b", "%a") do error(w) end`,
		`local t = {} t[1] = t return t`, `return nil + 1`, `pcall(error)`,
		`local f f = function() f() end f()`, `return unpack({1, 2, 3})`, `string.gsub("abc", "%w", function() error("x") end)`,
	} {
		if _, err := r.run(compiled(t, attempt), env, newMeter()); err != nil {
			t.Errorf("%s: %v", attempt, err)
		}
		if !r.reusable() {
			t.Errorf("%s: the runner can't be used again", attempt)
		}
		r.release()
		if after := everything(r); after != before {
			t.Fatalf("%s has changed the sandbox:\n%s\nbefore:\n%s", attempt, after, before)
		}
	}
}

// everything is all that a script can reach, and what it has left on the machine.
func everything(r *runner) string {
	seen := map[*lua.LTable]bool{}
	var lines []string
	var walk func(path string, v lua.LValue)
	walk = func(path string, v lua.LValue) {
		t, is := v.(*lua.LTable)
		lines = append(lines, fmt.Sprintf("%s %s %p", path, v.Type(), v))
		if !is || seen[t] {
			return
		}
		seen[t] = true
		t.ForEach(func(k, v lua.LValue) { walk(path+"."+k.String(), v) })
		walk(path+"()", t.Metatable)
	}
	walk("_G", r.globals)
	for _, v := range []lua.LValue{lua.LString(""), lua.LNumber(0), lua.LTrue, lua.LNil, r.shown.RawGetString("error"), r.lua.NewUserData()} {
		walk(v.Type().String(), r.lua.GetMetatable(v))
	}
	lines = append(lines, fmt.Sprint("stack ", r.lua.GetTop()))
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// A command that panics is a fault of Holt's, which a script can't hide; the machine is not used again.
func TestPanicsOfCommandsGoThroughScripts(t *testing.T) {
	s := compiled(t, `pcall(redis.call, "x") return 1`)
	defer func() {
		if got := recover(); got != "a fault" {
			t.Errorf("got %v", got)
		}
	}()
	v, err := s.Run(&Env{Call: func([][]byte) resp.Value { panic("a fault") }})
	t.Errorf("got %v, %v", v, err)
}
