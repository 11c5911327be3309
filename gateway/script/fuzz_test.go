package script

import (
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

// No source ends the process: neither its compilation nor its run.
func FuzzScripts(f *testing.F) {
	for _, source := range []string{
		"return 1", "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])", "local function f(...) return select('#', ...), ... end return {f(1, nil, 'x')}",
		"for i = 1, '3', 1 do if i % 2 == 0 then break end end", "local t = {a = 1, [2] = 'b', 'c'; 'd'} for k, v in pairs(t) do t[k] = v .. k end return #t",
		"return {pcall(string.gsub, 'hello world', '(%w+)', '%1 %1')}", "return cjson.decode(cjson.encode({1, 'x', {y = true}}))", "goto x ::x:: repeat until true while false do end",
		"return [==[ long ]==] .. '\\065\\n' .. 0x10 .. 1e5", "error({err = 'x'})", "return bit.tohex(bit.bnot(5))", "return ({...})[1], -2 ^ 2, not nil, #'x' <= 1",
	} {
		f.Add([]byte(source))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		s, err := Compile(source)
		if err != nil {
			return
		}
		_, _ = s.Run(&Env{Keys: [][]byte{[]byte("k")}, Args: [][]byte{[]byte("7")}, Call: func(args [][]byte) resp.Value { return resp.Bulk(args[len(args)-1]) }})
	})
}
