package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// Env is what a script is run on.
type Env struct {
	Keys, Args [][]byte
	// Call runs a command. What it replies with is its reply.
	Call func(args [][]byte) resp.Value
	// May tells whether the script may run a command, and whether there is such a command.
	May func(args [][]byte) (may, known bool)
}

// Run runs the script and returns its reply, which may be an error of the script: then what it did before stays done, as in Redis. An
// error that is returned means that the script went over a limit, and that nothing of it may be applied.
func (s *Script) Run(env *Env) (resp.Value, error) {
	r := idle.Get().(*runner)
	v, err := r.run(s, env, newMeter())
	if r.reusable() {
		r.release()
		idle.Put(r)
	}
	return v, err
}

func (r *runner) run(s *Script, env *Env, m *meter) (resp.Value, error) {
	r.begin(s, env, m)
	main := r.lua.NewFunctionFromProto(s.code)
	main.Env = r.globals
	r.lua.Push(main)
	err := r.tryCall(r.lua, 0, 1)
	switch {
	case r.panicked != nil:
		panic(r.panicked)
	case r.meter.stopped != nil:
		return resp.Value{}, apierr.New(apierr.KindTooLarge, "%w", r.meter.stopped)
	case err != nil:
		return r.failure(err), nil
	}
	v := r.reply(r.lua.Get(-1), 0)
	if r.meter.stopped != nil {
		return resp.Value{}, apierr.New(apierr.KindTooLarge, "%w", r.meter.stopped)
	}
	return v, nil
}

// failure is the reply to a script that has ended with an error.
func (r *runner) failure(err error) resp.Value {
	var text string
	line := r.line
	switch raised := r.raised(err).(type) {
	case *lua.LTable:
		text = lua.LVAsString(raised.RawGetString("err"))
		if text == "" {
			text = "ERR unknown error"
		}
		if at := raised.RawGetString("line"); at != lua.LNil {
			line = textOf(at)
		}
	case *lua.LNilType:
		text = "ERR nil"
	default:
		text = textOf(raised)
		if at := lineIn(text); at != "" {
			line = at
		}
		text = "ERR " + text
	}
	text = oneLineOf(strings.TrimPrefix(text, "-"))
	if line != "" {
		text += " script: " + r.script.SHA + ", on @" + chunkName + ":" + line + "."
	}
	return resp.Err(text)
}

// lineIn is the number of the line with which an error begins.
func lineIn(text string) string {
	rest, is := strings.CutPrefix(text, chunkName+":")
	if !is {
		return ""
	}
	line, _, _ := strings.Cut(rest, ":")
	return line
}

// oneLineOf cuts what Redis cuts off the ends of errors.
func oneLineOf(text string) string { return strings.Trim(text, "\r\n") }
