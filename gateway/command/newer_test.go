package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/ops/opstest"
)

// newer has what Redis 7.0 does not know, one command a line with its reply behind =>, on one shard from top to bottom. The
// replies are those of Redis 8.4 and Valkey 9; GETVER and IFVER are Holt's own.
const newer = `
set k hello => +OK
set k a ifeq other => null
set k a ifeq hello => +OK
set k b IFNE a => null
set k b IFNE zzz => +OK
set missing x ifeq "" => null
get missing => null
set missing x ifeq a get => null
set fresh x ifne a => +OK
set fresh y ifne x get => "x"
get fresh => "x"
set fresh y ifeq x get => "x"
get fresh => "y"
set k v ifeq => -ERR syntax error
set k v ifeq b nx => -ERR syntax error
set k v xx ifeq b => -ERR syntax error
set k v ifeq b ifne c => -ERR syntax error
set k v ifeq b ifeq b => -ERR syntax error
set list v ifeq a => -WRONGTYPE Operation against a key holding the wrong kind of value
set list v ifne a => -WRONGTYPE Operation against a key holding the wrong kind of value
set n 10 => +OK
set n 11 ifeq 10 ex 100 => +OK
ttl n => 100
set n 12 ifeq 11 keepttl => +OK
ttl n => 100
set n 13 ifeq 12 pxat 1 => +OK
exists n => 0
set d hello => +OK
digest d => "9555e8555c62dcfd"
digest missing => null
digest list => -WRONGTYPE Operation against a key holding the wrong kind of value
set d x ifdeq 9555e8555c62dcfd get => "hello"
set d hello ifdeq 9555e8555c62dcfd => null
set d hello => +OK
set d y ifdne 9555E8555C62DCFD => null
set d y ifdeq 9555E8555C62DCFD => +OK
set d z ifdeq 9555e8555c62dcf => -ERR must be exactly 16 hexadecimal characters
set d z ifdne 9555e8555c62dcfg => -ERR must be exactly 16 hexadecimal characters
set gone z ifdeq 9555e8555c62dcfd => null
set come z ifdne 9555e8555c62dcfd => +OK
delifeq d x => 0
delifeq d y => 1
delifeq d y => 0
delifeq list a => -WRONGTYPE Operation against a key holding the wrong kind of value
delifeq d => -ERR wrong number of arguments for 'delifeq' command
set d hello => +OK
delex d ifeq x => 0
delex d ifne hello => 0
delex d ifdne 9555e8555c62dcfd => 0
delex d ifdeq 9555E8555c62dcfd => 1
exists d => 0
delex d => 0
delex d ifeq x => 0
delex d ifeq => -ERR wrong number of arguments for 'delex' command
delex d ifeq x y => -ERR wrong number of arguments for 'delex' command
delex d if x => -ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE
delex d ifdeq x => -ERR must be exactly 16 hexadecimal characters
set d hello => +OK
delex d => 1
delex list => 1
msetex 2 a 1 b 2 => 1
mget a b => ["1" "2"]
msetex 2 a 3 c 4 nx => 0
mget a c => ["1" null]
msetex 2 a 3 c 4 xx => 0
msetex 2 a 3 b 4 XX EX 100 => 1
ttl a => 100
msetex 1 a 5 keepttl => 1
ttl a => 100
msetex 1 a 6 => 1
ttl a => -1
msetex 2 a 1 b 2 pxat 1 => 1
exists a b => 0
msetex 0 a 1 => -ERR invalid numkeys value or out of range
msetex x a 1 => -ERR invalid numkeys value or out of range
msetex 2 a 1 => -ERR syntax error
msetex 2 a 1 b => -ERR syntax error
msetex 9223372036854775807 a 1 b 2 => -ERR syntax error
msetex 1 a 1 nx xx => -ERR syntax error
msetex 1 a 1 ex 1 px 1 => -ERR syntax error
msetex 1 a 1 get => -ERR syntax error
msetex 1 a 1 ex 0 => -ERR invalid expire time in 'msetex' command
msetex 1 a => -ERR wrong number of arguments for 'msetex' command
command getkeys msetex 2 a 1 b 2 EX 10 => ["a" "b"]
command getkeys lcs a b => ["a" "b"]
command getkeys bitop and d a b => ["d" "a" "b"]
command getkeys rename a b => ["a" "b"]
getver none => [null 0]
set none v ifver 1 => null
set none v ifver x => -ERR value is not an integer or out of range
set none v ifver -1 => -ERR value is not an integer or out of range
set none v ifver 0 => +OK
set none v ifver 0 => null
getver => -ERR wrong number of arguments for 'getver' command
`

func TestCommandsOfNewerServersAnswerAsTheyDo(t *testing.T) {
	table := NewTable(Limits{})
	now := int64(1_000_000)
	m := newMemTx(func() int64 { return now })
	m.Put("list", opstest.OtherItem)
	for line := range strings.Lines(newer) {
		command, want, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok {
			continue
		}
		reply, err := m.run(table, words(command)...)
		if err != nil {
			t.Fatal(err)
		}
		if got := show(overTheWire(t, reply, 3)); got != want {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}

// A version that was read is taken by IFVER until the key changes, and never again.
func TestVersionsFenceOffLateWriters(t *testing.T) {
	table := NewTable(Limits{})
	m := newMemTx(func() int64 { return 1 })
	run := func(args ...string) string {
		t.Helper()
		reply, err := m.run(table, args...)
		if err != nil {
			t.Fatal(err)
		}
		return show(reply)
	}
	run("SET", "lock", "a")
	first := m.Items["lock"].Version
	if got, want := run("GETVER", "lock"), fmt.Sprintf("[\"a\" %d]", first); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := run("SET", "lock", "b", "IFVER", fmt.Sprint(first)); got != "+OK" {
		t.Errorf("the right version: %s", got)
	}
	if got := run("SET", "lock", "c", "IFVER", fmt.Sprint(first)); got != "null" {
		t.Errorf("an old version: %s", got)
	}
	run("DEL", "lock")
	run("SET", "lock", "d")
	if second := m.Items["lock"].Version; second <= first || run("SET", "lock", "e", "IFVER", fmt.Sprint(first)) != "null" {
		t.Errorf("set anew the key has version %d after %d", second, first)
	}
}
