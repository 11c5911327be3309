package respserver

import (
	"bytes"
	"context"
	_ "embed"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/command/conformance"
)

// scripts are compared with Redis: their replies, and what they leave behind. An empty line is between two of them.
//
//go:embed testdata/scripts.txt
var scripts string

func TestScriptsAnswerAsInRedis(t *testing.T) {
	socket := conformance.StartRedis(t)
	f := start(t, fixtureConfig{with: func(c *Config) { c.Table = command.NewTable(command.Limits{}) }})
	for proto := 2; proto <= 3; proto++ {
		redis, holt := conformance.Dial(t, "unix", socket, proto), conformance.Dial(t, "tcp", f.addr, proto)
		both := func(args ...string) {
			t.Helper()
			want, got := redis.Do(args...), holt.Do(args...)
			if !bytes.Equal(got, want) {
				t.Errorf("%q\n got %q\nwant %q", args, got, want)
			}
		}
		for body := range strings.SplitSeq(strings.TrimSuffix(scripts, "\n"), "\n\n") {
			for _, name := range []string{"EVAL", "EVAL_RO"} {
				both("DEL", "{t}text", "{t}new", "{t}hash")
				both("HSET", "{t}hash", "field", "value")
				both(name, body, "2", "{t}text", "{t}hash", "first", "second")
				both("GET", "{t}text")
			}
		}
		for _, args := range [][]string{
			{"EVAL", "return 1", "x"}, {"EVAL", "return 1", "-1"}, {"EVAL", "return 1", "2", "a"}, {"EVALSHA", "x", "0"}, {"EVAL", "return 1", "2", "a", "b"},
			{"SCRIPT", "LOAD", "return KEYS[1]"}, {"EVALSHA", "4A2267357833227DD98ABDEDB8CF24B15A986445", "1", "k"}, {"EVALSHA_RO", "4a2267357833227dd98abdedb8cf24b15a986445", "1", "k"},
			{"SCRIPT", "EXISTS", "4a2267357833227dd98abdedb8cf24b15a986445", "x"}, {"SCRIPT", "KILL"}, {"SCRIPT", "FLUSH"}, {"SCRIPT", "FLUSH", "x"},
			{"SCRIPT", "EXISTS", "4a2267357833227dd98abdedb8cf24b15a986445"}, {"EVALSHA", "4a2267357833227dd98abdedb8cf24b15a986445", "1", "k"},
			{"EVAL", "return ARGV[1]", "0", "x"},
			{"MULTI"}, {"EVAL", "return redis.call('SET', KEYS[1], 'm')", "1", "{t}m"}, {"EVAL", "return 1", "0"}, {"GET", "{t}m"}, {"EXEC"},
			{"MULTI"}, {"EVAL", "return 7", "0"}, {"PING"}, {"EXEC"},
		} {
			both(args...)
		}
	}
}

// A script sees the slot of its keys, of which no other node has anything.
func TestScriptsStayInTheSlotOfTheirKeys(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := conformance.Dial(t, "tcp", f.addr, 2)
	const nonLocal, otherSlot = "-ERR Script attempted to access a non local key in a cluster node ", "-ERR Script attempted to access keys that do not hash to the same slot "
	for _, step := range []struct{ script, keys, want string }{
		{`return redis.call("SET", "{t}undeclared", "x")`, "1 {t}k", "+OK"},
		{`return redis.call("SET", "elsewhere", "x")`, "1 {t}k", nonLocal},
		{`return redis.call("GET", "elsewhere")`, "1 {t}k", nonLocal},
		{`return redis.call("RENAME", KEYS[1], "elsewhere")`, "1 {t}k", nonLocal},
		{`return redis.call("GET", "elsewhere")`, "0", nonLocal},
		{"#!lua\nreturn redis.call('GET', 'elsewhere')", "1 {t}k", otherSlot},
		{"#!lua flags=allow-cross-slot-keys\nreturn redis.call('GET', 'elsewhere')", "1 {t}k", otherSlot},
		{`return 1`, "2 {t}k elsewhere", "-CROSSSLOT "},
	} {
		for _, name := range []string{"EVAL", "EVAL_RO"} {
			if name == "EVAL_RO" && step.want == "+OK" {
				continue
			}
			args := append([]string{name, step.script}, strings.Fields(step.keys)...)
			want := step.want
			switch {
			case name == "EVAL_RO" && strings.HasPrefix(step.script, "#!"):
				want = "-ERR Can not execute a script with write flag"
			case name == "EVAL_RO" && (strings.Contains(step.script, "SET") || strings.Contains(step.script, "RENAME")):
				want = "-ERR Write commands are not allowed from read-only scripts."
			}
			if got := string(c.Do(args...)); !strings.HasPrefix(got, want) {
				t.Errorf("%q: got %q, want %q", args, got, want)
			}
		}
	}
	f.dial().want("GET elsewhere", "(nil)", "GET {t}undeclared", "x")
}

// What a script runs is asked of its user's rights, as in Redis.
func TestScriptsRunWhatTheirUserMayRun(t *testing.T) {
	socket := conformance.StartRedis(t)
	f := withUsers(t, "")
	redis, holt := conformance.Dial(t, "unix", socket, 2), conformance.Dial(t, "tcp", f.addr, 2)
	admin := f.dial()
	both := func(args ...string) string {
		t.Helper()
		want, got := redis.Do(args...), holt.Do(args...)
		if !bytes.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", args, got, want)
		}
		return string(got)
	}
	both("SET", "{t}ro:1", "v")
	both("ACL", "SETUSER", "alice", "on", ">p1", "~{t}app:*", "%R~{t}ro:*", "resetchannels", "+@all", "-append", "-echo")
	both("AUTH", "alice", "p1")
	for _, body := range []string{
		`return redis.call('SET', KEYS[1], 'x')`, `return redis.call('APPEND', KEYS[1], 'x')`, `return redis.pcall('APPEND', KEYS[1], 'x')`, `return redis.call('ECHO', 'x')`,
		`return redis.call('SET', '{t}other', 1)`, `return redis.call('GET', '{t}other')`, `return redis.call('GET', '{t}ro:1')`, `return redis.call('SET', '{t}ro:1', 1)`,
		`return redis.call('COPY', '{t}ro:1', KEYS[1])`, `return redis.call('RENAME', '{t}ro:1', KEYS[1])`, `return redis.call('MGET', KEYS[1], '{t}other')`,
		`redis.call('SET', KEYS[1], 'done') redis.call('APPEND', KEYS[1], 'not')`, `return redis.call('APPEND', KEYS[1])`, `return redis.call('ACL', 'WHOAMI')`,
		`return {redis.acl_check_cmd('SET', KEYS[1], 'x'), redis.acl_check_cmd('APPEND', KEYS[1], 'x'), redis.acl_check_cmd('GET', '{t}other'), redis.acl_check_cmd('GET', '{t}ro:1')}`,
		`return redis.acl_check_cmd('NOPE')`, `return redis.acl_check_cmd()`, `return redis.acl_check_cmd({})`,
	} {
		both("EVAL", body, "1", "{t}app:1")
		both("EVAL_RO", body, "1", "{t}app:1")
		both("GET", "{t}app:1")
		both("MULTI")
		both("EVAL", body, "1", "{t}app:1")
		both("EXEC")
	}
	both("EVAL", "return redis.call('ECHO', 'x')", "0")
	both("EVAL", "return 1", "1", "{t}other")
	both("EVAL", "return 1", "1", "{t}ro:1")
	both("EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "{t}ro:1")
	if got := admin.do("ACL LOG 100"); !strings.Contains(got, "reason command context lua object append username alice ") || strings.Contains(got, "object get ") {
		t.Errorf("ACL LOG: %s", got)
	}
	admin.want("ACL SETUSER alice -eval", "+OK")
	if got := string(holt.Do("EVAL", "return 1", "0")); !strings.HasPrefix(got, noPermCommand+"eval'") {
		t.Errorf("EVAL by somebody who may not: %q", got)
	}
}

// A script that goes over a limit is answered with an error soon, and nothing of it is there, nor of the transaction that it was a part of.
func TestScriptsOverALimitDoNothing(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := conformance.Dial(t, "tcp", f.addr, 3)
	for name, body := range map[string]string{
		"time":                    `while true do end`,
		"time in pcall":           `while true do pcall(function() while true do end end) end`,
		"time in commands":        `while true do redis.call("SET", KEYS[1], "again") end`,
		"time in a pattern":       `return string.find(string.rep("a", 10000), ".-.-.-.-.-.-b")`,
		"memory":                  `local t = {} for i = 1, 1e9 do t[i] = string.rep("x", 1e6) .. i end`,
		"memory in rows of nils":  `local t = {} for i = 1, 1e9 do t[i] = {} t[i][262143] = 1 end`,
		"recursion":               `local t = {} while true do t = {t} end`,
		"time in gsub and format": `while true do string.format("%99.99f", 1) string.gsub("x", "x", "y") end`,
	} {
		c.Do("SET", "k", "before")
		reply := string(c.Do("EVAL", `redis.call("SET", KEYS[1], "after") `+body, "1", "k"))
		if !strings.HasPrefix(reply, "-ERR script ") || !strings.Contains(reply, "nothing of it is applied") {
			t.Errorf("%s: got %.200q", name, reply)
		}
		if got := string(c.Do("GET", "k")); got != "$6\r\nbefore\r\n" {
			t.Errorf("%s: the key holds %.100q", name, got)
		}
	}
	c.Pipeline([][]string{{"MULTI"}, {"SET", "k", "first"}, {"EVAL", "while true do end", "1", "k"}})
	if got := string(c.Do("EXEC")); !strings.HasPrefix(got, "-ERR script ") {
		t.Errorf("EXEC: got %q", got)
	}
	if got := string(c.Do("GET", "k")); got != "$6\r\nbefore\r\n" {
		t.Errorf("after EXEC the key holds %q", got)
	}
	for _, body := range []string{
		`local s = "x" for i = 1, 100 do s = s .. s end`, `return string.rep("x", 1e9)`, `return string.format("%999d", 1)`, `local t = {} t[1] = t return cjson.encode(t)`,
		`local t = {string.rep("x", 1e7)} for i = 2, 100 do t[i] = t[1] end return table.concat(t)`, `return string.gsub(string.rep("x", 1e5), "x", string.rep("y", 1e5))`,
		`local function f() return f() + 1 end return f()`, strings.Repeat("(", 100_000), "return " + strings.Repeat("- ", 5000) + "1", strings.Repeat("x", 200<<10),
	} {
		if got := string(c.Do("EVAL", body, "1", "k")); !strings.HasPrefix(got, "-ERR ") {
			t.Errorf("%.60s: got %.100q", body, got)
		}
	}
}

// The scripts of redis-py's Lock and of redsync, through a client library that sends EVALSHA first.
func TestLocksAreHeldExtendedAndReleasedByScript(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := redis.NewClient(&redis.Options{Addr: f.addr})
	t.Cleanup(func() { _ = c.Close() })
	ctx := context.Background()
	release := redis.NewScript(`
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        redis.call('del', KEYS[1])
        return 1
    `)
	extend := redis.NewScript(`
        local token = redis.call('get', KEYS[1])
        if not token or token ~= ARGV[1] then
            return 0
        end
        local expiration = redis.call('pttl', KEYS[1])
        if not expiration then
            expiration = 0
        end
        if expiration < 0 then
            return 0
        end

        local newttl = ARGV[2]
        if ARGV[3] == "0" then
            newttl = ARGV[2] + expiration
        end
        redis.call('pexpire', KEYS[1], newttl)
        return 1
    `)
	touch := redis.NewScript(`
		if redis.call("GET", KEYS[1]) == ARGV[1] then
			return redis.call("PEXPIRE", KEYS[1], ARGV[2])
		else
			return 0
		end
	`)
	if !c.SetNX(ctx, "lock", "mine", 0).Val() {
		t.Fatal("the lock was taken before")
	}
	c.PExpire(ctx, "lock", 100_000_000_000)
	for _, step := range []struct {
		script *redis.Script
		args   []any
		want   int
	}{
		{extend, []any{"theirs", 1000, "0"}, 0}, {extend, []any{"mine", 100_000, "0"}, 1}, {extend, []any{"mine", 200_000, "1"}, 1},
		{touch, []any{"theirs", 1000}, 0}, {touch, []any{"mine", 300_000}, 1}, {release, []any{"theirs"}, 0}, {release, []any{"mine"}, 1}, {release, []any{"mine"}, 0},
	} {
		if got, err := step.script.Run(ctx, c, []string{"lock"}, step.args...).Int(); err != nil || got != step.want {
			t.Errorf("%v: got %d, %v, want %d", step.args, got, err, step.want)
		}
	}
}
