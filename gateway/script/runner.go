package script

import (
	"sync"

	lua "github.com/yuin/gopher-lua"
)

const (
	// callDepthMax and registryMax bound the stack of a script: calls, and the values of all of them. Functions of Go call those of the script
	// and the other way round, so that the first bounds the stack of the goroutine too.
	callDepthMax = 2000
	registryMax  = 64 << 10
	// reuseStepsMax is up to how many steps a runner is used again. After more of them it may hold much, and to make a new one takes little
	// beside them.
	reuseStepsMax = 10_000
)

// runner runs one script after another. Its functions and tables are made once, which takes longer than most scripts do; nothing that a
// script does can change them (sandbox.go).
type runner struct {
	lua *lua.LState
	// shown are KEYS, ARGV and all that stands in the sandbox; globals is what scripts see of it.
	shown, globals *lua.LTable
	// quietCall is what tryCall calls.
	quietCall *lua.LFunction
	// kept are the tables that scripts may not change.
	kept map[*lua.LTable]struct{}

	// What follows is about the script that runs.

	script *Script
	env    *Env
	meter  *meter
	// line is where the last error was raised, as far as that is known.
	line string
	// resp3 tells that the script wants replies in types of RESP3, and answers in them.
	resp3 bool
	// faulty tells that the machine has failed, not the script.
	faulty bool
	// panicked is what a command has panicked with. The script does not get to see it.
	panicked any
}

// idle are the runners that run no script.
var idle = sync.Pool{New: func() any { return newRunner() }}

func newRunner() *runner {
	L := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: callDepthMax, RegistrySize: 512, RegistryMaxSize: registryMax, RegistryGrowStep: 512,
	})
	r := &runner{lua: L, quietCall: L.NewFunction(quietCall), kept: map[*lua.LTable]struct{}{}}
	r.sandbox(L)
	return r
}

func (r *runner) begin(s *Script, env *Env, m *meter) {
	r.script, r.env, r.meter, r.line, r.resp3 = s, env, m, "", false
	r.lua.SetContext(r.meter)
	r.shown.RawSetString("KEYS", texts(r.lua, env.Keys))
	r.shown.RawSetString("ARGV", texts(r.lua, env.Args))
}

// reusable tells whether another script may be run.
func (r *runner) reusable() bool {
	return r.panicked == nil && !r.faulty && r.meter.stopped == nil && r.meter.steps <= reuseStepsMax
}

// release forgets the script.
func (r *runner) release() {
	r.script, r.env = nil, nil
	r.lua.SetTop(0)
	r.shown.RawSetString("KEYS", lua.LNil)
	r.shown.RawSetString("ARGV", lua.LNil)
}
