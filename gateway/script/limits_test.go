package script

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// run runs a script on nothing.
func run(t *testing.T, source string) (resp.Value, error) {
	t.Helper()
	return compiled(t, source).Run(&Env{Call: func([][]byte) resp.Value { return resp.OK() }})
}

// runLong is run where time does not count.
func runLong(t *testing.T, source string) (resp.Value, error) {
	t.Helper()
	m := newMeter()
	m.runMax = time.Hour
	return newRunner().run(compiled(t, source), &Env{Call: func([][]byte) resp.Value { return resp.OK() }}, m)
}

func compiled(t *testing.T, source string) *Script {
	t.Helper()
	s, err := Compile([]byte(source))
	if err != nil {
		t.Fatalf("%.100s: %v", source, err)
	}
	return s
}

// Each of these would go on for hours, or take all memory. That the test ends is what is tested.
func TestScriptsOverALimitEnd(t *testing.T) {
	for _, source := range []string{
		`while true do end`,
		`while true do pcall(function() while true do end end) end`,
		`while true do xpcall(function() while true do end end, function() while true do end end) end`,
		`while true do redis.call("PING") end`,
		`while true do redis.pcall() end`,
		`local f f = function() return f() end f()`,
		`return string.find(string.rep("a", 10000), ".-.-.-.-.-.-b")`,
		`return string.match(string.rep("a", 10000), "(.-)*(.-)*(.-)*(.-)*b")`,
		`local s = string.rep("x", 3e7) while true do s:upper() end`,
		`local s = string.rep("x", 3e7) while true do redis.sha1hex(s) end`,
		`local s = string.rep("x", 3e7) while true do s:find("y", 1, true) end`,
		`local s = cjson.encode(string.rep("x", 1e7)) while true do cjson.decode(s) end`,
		`local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t) end`,
		`local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end`,
	} {
		_, err := run(t, source)
		var told *apierr.Error
		if !errors.As(err, &told) || told.Kind != apierr.KindTooLarge {
			t.Errorf("%s: got %v", source, err)
		}
	}
}

func TestScriptsThatTakeTooMuchMemoryEnd(t *testing.T) {
	for _, source := range []string{
		`local t = {} for i = 1, 1e9 do t[i] = string.rep("x", 1e6) .. i end`,
		`local t = {} for i = 1, 1e9 do t[i] = {} t[i][262143] = 1 end`,
	} {
		if _, err := runLong(t, source); !errors.Is(err, errMemory) {
			t.Errorf("%s: got %v", source, err)
		}
	}
}

// These end by themselves, with an error.
func TestNothingIsMadeOverALimit(t *testing.T) {
	for source, want := range map[string]string{
		`local s = "x" for i = 1, 100 do s = s .. s end`: textTooLarge,
		`local t = setmetatable({}, {__concat = function(a, b) return string.rep("x", 3e7) end}) return string.rep("y", 3e7) .. (t .. "x")`: textTooLarge,
		`return string.rep("x", 1e9)`: textTooLarge,
		`return string.format("%s%s", string.rep("x", 3e7), string.rep("x", 3e7))`:                               textTooLarge,
		`return string.format("%999d", 1)`:                                                                       "width or precision too long",
		`local t = {string.rep("x", 1e7)} for i = 2, 100 do t[i] = t[1] end return table.concat(t)`:              textTooLarge,
		`return string.gsub(string.rep("x", 1e5), "x", string.rep("y", 1e5))`:                                    textTooLarge,
		`return string.gsub("x", "(.*)", string.rep("%1", 1e5) .. string.rep("y", 3e7) .. string.rep("z", 1e7))`: textTooLarge,
		`local t = {string.rep("x", 1e7)} return cjson.encode({t, t, t, t})`:                                     textTooLarge,
		`local t = {} t[1] = t return cjson.encode(t)`:                                                           "excessive depth",
		`return cjson.decode(string.rep("[", 1e5))`:                                                              "too many nested",
		`local t = {} t[1] = t return t`:                                                                         "stack limit",
		`local function f() return f() + 1 end return f()`:                                                       "stack overflow",
		`return unpack({}, 1, 1e8)`:                                                                              "registry overflow",
		`return string.find("x", string.rep("(", 1e5))`:                                                          "pattern too long",
		`return string.find("x", string.rep("()", 100))`:                                                         "too many captures",
	} {
		v, err := runLong(t, source)
		if text := string(v.Append(nil, 2)); err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: got %.200q, %v, want %q", source, text, err, want)
		}
	}
}

func TestSourcesThatAreNestedTooDeepAreRefused(t *testing.T) {
	for _, source := range []string{
		strings.Repeat("(", 100_000), "return " + strings.Repeat("- ", 50_000) + "1", "return " + strings.Repeat("{", 50_000) + strings.Repeat("}", 50_000),
		"return 1" + strings.Repeat("+1", 60_000), "return 1" + strings.Repeat("..1", 40_000), strings.Repeat("if x then ", 10_000) + strings.Repeat(" end", 10_000),
		strings.Repeat("x", SourceBytesMax+1), "return f" + strings.Repeat("()", 60_000), strings.Repeat("a.", 50_000) + "b = 1",
	} {
		if s, err := Compile([]byte(source)); err == nil {
			t.Errorf("%.40s... is compiled as %s", source, s.SHA)
		}
	}
}

// A machine that stands still for a moment is no reason to end a script, one that does so for long is.
func TestScriptsOfFewStepsOutlastAStall(t *testing.T) {
	s := compiled(t, `redis.call("PING") for i = 1, 300 do end return 1`)
	for stall, want := range map[time.Duration]error{0: nil, RunMax * 2: nil, StallMax * 2: errTime} {
		synctest.Test(t, func(t *testing.T) {
			_, err := s.Run(&Env{Call: func([][]byte) resp.Value {
				time.Sleep(stall)
				return resp.OK()
			}})
			if !errors.Is(err, want) {
				t.Errorf("stalled for %v: got %v, want %v", stall, err, want)
			}
		})
	}
}
