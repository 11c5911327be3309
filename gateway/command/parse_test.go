package command

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

// parse looks a command up and parses it.
func parse(table *Table, words ...string) (Call, error) {
	args := command(words...)
	spec, err := table.Lookup(args)
	if err != nil {
		return Call{}, err
	}
	return spec.Parse(args)
}

func TestKeysAndValuesOverTheirLimitsAreRefused(t *testing.T) {
	table := NewTable(Limits{KeyBytesMax: 8, ValueBytesMax: 16})
	long, big := strings.Repeat("k", 9), strings.Repeat("v", 17)
	tooBig := "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	tooLong := "ERR key of 9 bytes exceeds maximum allowed size (max-key-bytes 8)"
	for line, want := range map[string]string{
		"set k " + big:                    tooBig,
		"set k " + big + " ex 10":         tooBig,
		"hset h f " + big:                 tooBig,
		"hset h f v g " + big:             tooBig,
		"hset h " + big + " v":            tooBig,
		"hmset h f " + big:                tooBig,
		"hsetnx h f " + big:               tooBig,
		"hincrby h " + big + " 1":         tooBig,
		"hincrbyfloat h " + big + " 1":    tooBig,
		"setnx k " + big:                  tooBig,
		"setex k 10 " + big:               tooBig,
		"psetex k 10 " + big:              tooBig,
		"getset k " + big:                 tooBig,
		"mset k v l " + big:               tooBig,
		"msetnx k v l " + big:             tooBig,
		"append k " + big:                 tooBig,
		"setrange k 0 " + big:             tooBig,
		"setrange k 17 x":                 tooBig,
		"get " + long:                     tooLong,
		"set " + long + " v":              tooLong,
		"mset k v " + long + " v":         tooLong,
		"mget k " + long:                  tooLong,
		"del k " + long:                   tooLong,
		"exists " + long:                  tooLong,
		"incr " + long:                    tooLong,
		"incrbyfloat " + long + " 1":      tooLong,
		"append " + long + " v":           tooLong,
		"expire " + long + " 1":           tooLong,
		"ttl " + long:                     tooLong,
		"hset " + long + " f v":           tooLong,
		"hget " + long + " f":             tooLong,
		"hdel " + long + " f":             tooLong,
		"hincrby " + long + " f 1":        tooLong,
		"hscan " + long + " 0":            tooLong,
		"object encoding " + long:         tooLong,
		"getex " + long:                   tooLong,
		"set " + long[1:] + " " + big[1:]: "",
	} {
		reply, err := newMemTx(func() int64 { return 1 }).run(table, strings.Fields(line)...)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(reply.Str); reply.IsError() != (want != "") || want != "" && got != want {
			t.Errorf("%.40s\n got %q\nwant %q", line, got, want)
		}
	}
	if _, err := parse(table, "get", long); apierr.KindOf(err) != apierr.KindTooLarge {
		t.Errorf("kind %v", apierr.KindOf(err))
	}
}

// Malformed commands are refused before they cost a trip to the executor.
func TestParseChecksAllThatNeedsNoData(t *testing.T) {
	table := NewTable(Limits{})
	for _, line := range []string{
		"set k v ex", "set k v nx xx", "set k v ex 0", "set k v ex x", "setex k -1 v", "getex k ex 1 px 1", "getex k px 0",
		"expire k x", "expire k 1 nx gt", "expire k 1 zz", "expire k 9223372036854775807", "incrby k x", "decrby k x",
		"decrby k -9223372036854775808", "incrbyfloat k x", "getrange k 0 x", "setrange k -1 v", "setrange k x v", "mset a b c",
	} {
		if _, err := parse(table, strings.Fields(line)...); apierr.KindOf(err) != apierr.KindInvalid {
			t.Errorf("%s: got %v", line, err)
		}
	}
}

func TestParseOfPlainGetAndSetNeedsLittleMemory(t *testing.T) {
	table := NewTable(Limits{})
	for _, args := range [][][]byte{command("GET", "k"), command("SET", "k", "v"), command("DEL", "a", "b"), command("INCR", "k")} {
		spec, err := table.Lookup(args)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if _, err := spec.Parse(args); err != nil {
				t.Fatal(err)
			}
		}); n > 2 {
			t.Errorf("%s: %v allocations, want at most 2", args[0], n)
		}
	}
}

func TestTTLsAreRoundedAndCountedFromTheShardsNow(t *testing.T) {
	table := NewTable(Limits{})
	now := int64(1_000_000)
	tx := newMemTx(func() int64 { return now })
	for _, step := range []struct {
		line    string
		advance int64
		want    int64
	}{
		{"set k v px 2500", 0, 0},
		{"pttl k", 0, 2500},
		{"ttl k", 0, 3},
		{"ttl k", 1, 2},
		{"pexpiretime k", 0, 1_002_500},
		{"expiretime k", 0, 1003},
		{"ttl k", 2498, 0},
		{"exists k", 0, 1},
		{"exists k", 1, 0},
		{"pttl k", 0, -2},
		{"set k v", 0, 0},
		{"pexpireat k 9223372036854775807", 0, 1},
		{"expiretime k", 0, 9223372036854776},
		{"pexpire k 9223372036854775807", 0, 0},
	} {
		now += step.advance
		reply, err := tx.run(table, strings.Fields(step.line)...)
		if err != nil || reply.Int != step.want {
			t.Errorf("%s at %d: got %s, %v, want %d", step.line, now, show(reply), err, step.want)
		}
	}
}

func TestKeysThatACountAnnouncesAreFound(t *testing.T) {
	spec := Spec{KeySpecs: []KeySpec{{First: 3, Step: 1, CountAt: 2}}}
	for line, want := range map[string]string{
		"eval x 2 a b c": "a b", "eval x 0 a": "", "eval x 3 a b": "", "eval x": "", "eval x -1 a": "", "eval x n a": "",
		"eval x 9223372036854775807 a": "", "eval x 2 a b": "a b",
	} {
		if got := join(spec.Keys(command(strings.Fields(line)...))); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	pairs := Spec{KeySpecs: []KeySpec{{First: 2, Step: 2, CountAt: 1}, {First: 1, Step: 1}}}
	if got, want := join(pairs.Keys(command("msetex", "2", "a", "x", "b", "y", "EX"))), "a b 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func join(words [][]byte) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, " ")
}
