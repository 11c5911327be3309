package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/holtcache/holt/gateway/resp"
)

// redisVersion is the Redis whose scripts run here.
const (
	redisVersion       = "7.0.15"
	redisVersionNumber = 0x0007000f
)

// redisTable makes the table "redis".
func (r *runner) redisTable(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	L.SetFuncs(t, map[string]lua.LGFunction{
		"call": r.call, "pcall": r.pcall, "error_reply": errorReply, "status_reply": statusReply, "sha1hex": r.sha1hex,
		"acl_check_cmd": r.aclCheckCmd, "log": r.log, "setresp": r.setResp, "replicate_commands": func(L *lua.LState) int { L.Push(lua.LTrue); return 1 },
		"set_repl": r.setRepl, "breakpoint": func(L *lua.LState) int { L.Push(lua.LFalse); return 1 }, "debug": func(*lua.LState) int { return 0 },
	})
	t.RawSetString("REDIS_VERSION", lua.LString(redisVersion))
	t.RawSetString("REDIS_VERSION_NUM", lua.LNumber(redisVersionNumber))
	for i, level := range []string{"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"} {
		t.RawSetString(level, lua.LNumber(i))
	}
	for name, n := range map[string]int{"REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": 3} {
		t.RawSetString(name, lua.LNumber(n))
	}
	return t
}

// call runs a command whose error ends the script.
func (r *runner) call(L *lua.LState) int {
	v := r.command(L)
	if v.Kind == resp.KindError {
		r.raise(L, errorTable(L, "-"+string(v.Str)))
	}
	L.Push(r.value(L, v))
	return 1
}

// pcall runs a command whose error the script gets.
func (r *runner) pcall(L *lua.LState) int {
	v := r.command(L)
	if v.Kind == resp.KindError {
		t := errorTable(L, "-"+string(v.Str))
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
		L.Push(t)
		return 1
	}
	L.Push(r.value(L, v))
	return 1
}

// raise ends the function that has called with an error that says where it was.
func (r *runner) raise(L *lua.LState, t *lua.LTable) {
	if line := where(L); line != "" {
		r.line = line
		t.RawSetString("source", lua.LString("@"+chunkName))
		t.RawSetString("line", lua.LString(line))
	}
	L.Error(t, 0)
}

var (
	errNoArgs  = resp.Err("ERR Please specify at least one argument for this redis lib call")
	errBadArgs = resp.Err("ERR Lua redis lib command arguments must be strings or integers")
)

func (r *runner) command(L *lua.LState) resp.Value {
	args, wrong := arguments(L)
	if wrong.IsError() {
		return wrong
	}
	if r.meter.took(stepsACall); r.meter.stopped != nil {
		L.RaiseError("%s", r.meter.stopped.Error())
	}
	return r.guarded(args)
}

// arguments are the arguments of a command, or an error.
func arguments(L *lua.LState) ([][]byte, resp.Value) {
	n := L.GetTop()
	if n == 0 {
		return nil, errNoArgs
	}
	args := make([][]byte, n)
	for i := range args {
		switch v := L.Get(i + 1).(type) {
		case lua.LString:
			args[i] = []byte(v)
		case lua.LNumber:
			args[i] = []byte(formatNumber(float64(v), 17))
		default:
			return nil, errBadArgs
		}
	}
	return args, resp.Value{}
}

// aclCheckCmd tells whether the script may run a command.
func (r *runner) aclCheckCmd(L *lua.LState) int {
	args, wrong := arguments(L)
	if wrong.IsError() {
		r.raise(L, errorTable(L, "-"+string(wrong.Str)))
	}
	may, known := r.env.May(args)
	if !known {
		r.raise(L, errorTable(L, "ERR Invalid command passed to redis.acl_check_cmd()"))
	}
	L.Push(lua.LBool(may))
	return 1
}

// guarded runs a command. A panic must not be taken for an error of the script, which may go on after one.
func (r *runner) guarded(args [][]byte) resp.Value {
	done := false
	defer func() {
		if !done {
			r.panicked = recover()
			r.meter.stopped = errTime
			panic(r.panicked)
		}
	}()
	v := r.env.Call(args)
	done = true
	return v
}

func oneString(L *lua.LState) (string, bool) {
	text, is := L.Get(1).(lua.LString)
	if n, number := L.Get(1).(lua.LNumber); number {
		return textOf(n), L.GetTop() == 1
	}
	return string(text), is && L.GetTop() == 1
}

const wrongArguments = "wrong number or type of arguments"

func errorReply(L *lua.LState) int {
	text, ok := oneString(L)
	if !ok {
		text = wrongArguments
	}
	text, marked := strings.CutPrefix(text, "-")
	if !ok || !marked && !strings.Contains(text, " ") {
		text = "ERR " + text
	}
	L.Push(errorTable(L, text))
	return 1
}

func statusReply(L *lua.LState) int {
	text, ok := oneString(L)
	if !ok {
		L.Push(errorTable(L, "ERR "+wrongArguments))
		return 1
	}
	L.Push(table(L, "ok", lua.LString(text)))
	return 1
}

func (r *runner) sha1hex(L *lua.LState) int {
	if L.GetTop() != 1 {
		r.raise(L, errorTable(L, "ERR wrong number of arguments"))
	}
	text := textOf(L.Get(1))
	r.meter.handled(len(text))
	L.Push(lua.LString(SHA([]byte(text))))
	return 1
}

// log checks its arguments. What scripts say goes nowhere: a client must not fill the log of a node.
func (r *runner) log(L *lua.LState) int {
	if L.GetTop() < 2 {
		r.raise(L, errorTable(L, "ERR redis.log() requires two arguments or more."))
	}
	level, is := L.Get(1).(lua.LNumber)
	if !is {
		r.raise(L, errorTable(L, "ERR First argument must be a number (log level)."))
	}
	if level < 0 || level > 3 {
		r.raise(L, errorTable(L, "ERR Invalid log level."))
	}
	return 0
}

func (r *runner) setResp(L *lua.LState) int {
	if L.GetTop() != 1 {
		r.raise(L, errorTable(L, "ERR redis.setresp() requires one argument."))
	}
	version, is := L.Get(1).(lua.LNumber)
	if !is || version != 2 && version != 3 {
		r.raise(L, errorTable(L, "ERR RESP version must be 2 or 3."))
	}
	r.resp3 = version == 3
	return 0
}

// setRepl changes nothing: effects are what is replicated, always.
func (r *runner) setRepl(L *lua.LState) int {
	if L.GetTop() != 1 {
		r.raise(L, errorTable(L, "ERR redis.set_repl() requires one argument."))
	}
	return 0
}
