package script

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/holtcache/holt/gateway/resp"
)

// replyDepthMax bounds how deep a reply is nested, so that a table that contains itself ends.
const replyDepthMax = 64

var errReplyDepth = resp.Err("ERR reached lua stack limit")

// reply is a value of a script as RESP (redis.io, "Lua to RESP2 type conversion", "Lua to RESP3 type conversion").
func (r *runner) reply(v lua.LValue, depth int) resp.Value {
	if depth > replyDepthMax {
		return errReplyDepth
	}
	switch v := v.(type) {
	case lua.LString:
		return resp.BulkString(string(v))
	case lua.LNumber:
		return resp.Int(truncated(float64(v)))
	case lua.LBool:
		switch {
		case r.resp3:
			return resp.Bool(bool(v))
		case bool(v):
			return resp.Int(1)
		}
	case *lua.LTable:
		return r.tableReply(v, depth)
	}
	return resp.Null()
}

// truncated is a number as C converts it to an integer.
func truncated(f float64) int64 {
	if math.IsNaN(f) || f >= math.MaxInt64 || f < math.MinInt64 {
		return math.MinInt64
	}
	return int64(f)
}

func (r *runner) tableReply(t *lua.LTable, depth int) resp.Value {
	if text, is := t.RawGetString("err").(lua.LString); is {
		return resp.Err(string(text))
	}
	if text, is := t.RawGetString("ok").(lua.LString); is {
		return resp.Simple(string(text))
	}
	if number, is := t.RawGetString("double").(lua.LNumber); is {
		return resp.Double(float64(number))
	}
	if m, is := t.RawGetString("map").(*lua.LTable); is {
		var pairs []resp.Value
		m.ForEach(func(k, v lua.LValue) { pairs = append(pairs, r.reply(k, depth+1), r.reply(v, depth+1)) })
		return resp.Map(pairs...)
	}
	if set, is := t.RawGetString("set").(*lua.LTable); is {
		var members []resp.Value
		set.ForEach(func(k, _ lua.LValue) { members = append(members, r.reply(k, depth+1)) })
		return resp.Set(members...)
	}
	if digits, is := t.RawGetString("big_number").(lua.LString); is {
		return resp.BigNumber(string(digits))
	}
	if v, is := t.RawGetString("verbatim_string").(*lua.LTable); is {
		format, hasFormat := v.RawGetString("format").(lua.LString)
		text, hasText := v.RawGetString("string").(lua.LString)
		if hasFormat && hasText {
			return resp.Verbatim(string(format), string(text))
		}
	}
	elems := []resp.Value{}
	for i := 1; ; i++ {
		v := t.RawGetInt(i)
		if v == lua.LNil {
			return resp.Array(elems...)
		}
		if r.meter.step(); r.meter.stopped != nil {
			return errReplyDepth // the meter's own error is what the client gets
		}
		elems = append(elems, r.reply(v, depth+1))
	}
}

// value is a reply of a command as the script sees it (redis.io, "RESP2 to Lua type conversion", "RESP3 to Lua type conversion").
func (r *runner) value(L *lua.LState, v resp.Value) lua.LValue {
	r.meter.took(1 + len(v.Str)/bytesAStep)
	switch v.Kind {
	case resp.KindNull, resp.KindNullArray:
		if r.resp3 {
			return lua.LNil
		}
		return lua.LFalse
	case resp.KindSimple:
		return table(L, "ok", lua.LString(v.Str))
	case resp.KindError:
		return errorTable(L, string(v.Str))
	case resp.KindInt:
		return lua.LNumber(v.Int)
	case resp.KindBool:
		if r.resp3 {
			return lua.LBool(v.Int != 0)
		}
		return lua.LNumber(v.Int)
	case resp.KindDouble:
		if r.resp3 {
			return table(L, "double", lua.LNumber(v.Float))
		}
		return lua.LString(bulkOf(v))
	case resp.KindBigNumber:
		if r.resp3 {
			return table(L, "big_number", lua.LString(v.Str))
		}
		return lua.LString(v.Str)
	case resp.KindVerbatim:
		if r.resp3 {
			inner := table(L, "format", lua.LString(v.Str[:3]))
			inner.RawSetString("string", lua.LString(v.Str[4:]))
			return table(L, "verbatim_string", inner)
		}
		return lua.LString(bulkOf(v))
	case resp.KindArray, resp.KindPush, resp.KindMap, resp.KindSet, resp.KindPairs:
		return r.aggregate(L, v)
	}
	return lua.LString(v.Str)
}

// bulkOf is the text of a value that RESP2 has no type for.
func bulkOf(v resp.Value) string {
	_, text, _ := strings.Cut(string(v.Append(nil, 2)), "\r\n")
	return strings.TrimSuffix(text, "\r\n")
}

func (r *runner) aggregate(L *lua.LState, v resp.Value) lua.LValue {
	t := L.NewTable()
	switch {
	case r.resp3 && v.Kind == resp.KindMap:
		for i := 0; i+1 < len(v.Elems); i += 2 {
			t.RawSet(r.value(L, v.Elems[i]), r.value(L, v.Elems[i+1]))
		}
		return table(L, "map", t)
	case r.resp3 && v.Kind == resp.KindSet:
		for i := range v.Elems {
			t.RawSet(r.value(L, v.Elems[i]), lua.LTrue)
		}
		return table(L, "set", t)
	case r.resp3 && v.Kind == resp.KindPairs:
		for i := 0; i+1 < len(v.Elems); i += 2 {
			t.Append(r.value(L, resp.Array(v.Elems[i], v.Elems[i+1])))
		}
		return t
	}
	for i := range v.Elems {
		t.RawSetInt(i+1, r.value(L, v.Elems[i]))
	}
	return t
}

// table is a table of one field.
func table(L *lua.LState, name string, v lua.LValue) *lua.LTable {
	t := L.NewTable()
	t.RawSetString(name, v)
	return t
}

// errorTable is an error as scripts see it: a code and a text (Redis, script_lua.c, luaPushErrorBuff).
func errorTable(L *lua.LState, text string) *lua.LTable {
	text = strings.Trim(text, "\r\n")
	if rest, is := strings.CutPrefix(text, "-"); is {
		if text = rest; !strings.Contains(rest, " ") {
			text = "ERR " + rest
		}
	}
	return table(L, "err", lua.LString(text))
}
