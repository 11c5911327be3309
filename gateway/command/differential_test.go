package command

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/ops/opstest"
	"github.com/holtcache/holt/gateway/resp"
)

// testLimits are those of the Redis that the table is compared with; proto-max-bulk-len is at least 1 MiB.
var testLimits = Limits{ValueBytesMax: 1 << 20}

// clockTolerance is how far apart the two clocks of a differential test may be: that of the map model when it answers,
// that of Redis when it answers. Expiries in the test differ by far more, and lie far off or in the past.
const clockTolerance = 60 * time.Second

// pair is the table over a map beside a real Redis.
type pair struct {
	t     *testing.T
	proto int
	redis *redisServer
	model memTx
	table *Table
}

func newPair(t *testing.T, proto int) *pair {
	p := &pair{t: t, proto: proto, redis: startRedis(t, proto), table: NewTable(testLimits)}
	p.reset()
	return p
}

// reset empties both and gives them a key that holds no string.
func (p *pair) reset() {
	p.model = newMemTx(func() int64 { return time.Now().UnixMilli() })
	p.redis.do(p.t, "FLUSHALL")
	p.redis.do(p.t, "RPUSH", "list", "a")
	p.model.Put("list", opstest.OtherItem)
}

// compare runs a command on both and tells whether the replies agree.
func (p *pair) compare(args ...string) bool {
	p.t.Helper()
	want := p.redis.do(p.t, args...)
	reply, err := p.model.run(p.table, args...)
	if err != nil {
		p.t.Errorf("%v", err)
		return false
	}
	got := overTheWire(p.t, reply, p.proto)
	sortFields(args, &got)
	sortFields(args, &want)
	if show(got) == show(want) || show(got) == "+"+opstest.OtherType.String() && show(want) == "+list" || p.sameInstant(args[0], got, want) || p.sameHash(args[0], got, want) || sameDraw(args, got, want) || refusedEarlier(args[0], show(got), show(want)) {
		return true
	}
	p.t.Errorf("%s\n got %.300s\nwant %.300s", quote(args), show(got), show(want))
	return false
}

func quote(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = fmt.Sprintf("%.60q", arg)
	}
	return strings.Join(quoted, " ")
}

// sortFields puts the fields of a reply in order: a hash that Redis does not keep as a listpack has none.
func sortFields(args []string, v *resp.Value) {
	width := 1
	switch name := strings.ToLower(args[0]); name {
	case "hkeys", "hvals":
	case "hgetall":
		width = 2
	case "hrandfield":
		if len(args) == 4 && flat(v) {
			width = 2
		}
	case "hscan":
		if len(v.Elems) == 2 {
			sortMembers(v.Elems[1].Elems, 2)
		}
		return
	default:
		return
	}
	sortMembers(v.Elems, width)
}

// flat tells whether a reply has fields and values one behind the other rather than in arrays.
func flat(v *resp.Value) bool { return len(v.Elems) > 0 && v.Elems[0].Kind != resp.KindArray }

// sortMembers sorts members that come in groups of so many.
func sortMembers(elems []resp.Value, width int) {
	var groups [][]resp.Value
	for group := range slices.Chunk(slices.Clone(elems), width) {
		groups = append(groups, group)
	}
	slices.SortFunc(groups, func(a, b []resp.Value) int { return strings.Compare(show(resp.Array(a...)), show(resp.Array(b...))) })
	copy(elems, slices.Concat(groups...))
}

// sameInstant allows for the clocks in the replies that show them.
func (p *pair) sameInstant(name string, got, want resp.Value) bool {
	unit := time.Millisecond
	switch strings.ToLower(name) {
	case "ttl", "expiretime":
		unit = time.Second
	case "pttl", "pexpiretime":
	default:
		return false
	}
	apart := time.Duration(got.Int-want.Int) * unit
	return got.Kind == resp.KindInt && want.Kind == resp.KindInt && got.Int > 0 && want.Int > 0 && apart.Abs() < clockTolerance
}

// sameDraw tells whether as many fields were drawn at random: HRANDFIELD gives all of them only where it is asked for enough.
func sameDraw(args []string, got, want resp.Value) bool {
	drawn := strings.EqualFold(args[0], "hrandfield") && (len(args) == 2 || len(args) > 2 && args[2] != "1000")
	return drawn && got.Kind == want.Kind && got.Kind != resp.KindError && len(got.Elems) == len(want.Elems)
}

// sameHash tells whether two dumps are of equal hashes: Redis goes on dumping one as a table that was large before.
func (p *pair) sameHash(name string, got, want resp.Value) bool {
	if !strings.EqualFold(name, "dump") || got.Kind != resp.KindBulk || want.Kind != resp.KindBulk {
		return false
	}
	var fields [2]string
	for i, dump := range []resp.Value{got, want} {
		m := newMemTx(time.Now().UnixMilli)
		if reply, err := m.run(p.table, "RESTORE", "k", "0", string(dump.Str)); err != nil || show(reply) != "+OK" {
			return false
		}
		args := []string{"HGETALL", "k"}
		reply, err := m.run(p.table, args...)
		if err != nil || reply.Kind == resp.KindError {
			return false
		}
		sortFields(args, &reply)
		fields[i] = show(reply)
	}
	return fields[0] == fields[1]
}

// refusedEarlier is the first of the differences in DIFFERENCES.md: a bad argument is refused before the key is looked at.
func refusedEarlier(name, got, want string) bool {
	switch strings.ToLower(name) {
	case "incrbyfloat":
		return got == "-ERR value is not a valid float" && strings.HasPrefix(want, "-WRONGTYPE")
	case "hscan":
		return strings.HasPrefix(got, "-") && (strings.HasPrefix(want, "-WRONGTYPE") || want == `["0" []]`)
	case "bitcount", "bitpos", "lcs":
		return got == "-ERR syntax error" &&
			(want == "0" || want == "-1" || strings.HasPrefix(want, "-WRONGTYPE") || want == "-ERR The specified keys must contain string values")
	case "getex":
		return (got == "-ERR value is not an integer or out of range" || got == "-ERR invalid expire time in 'getex' command") &&
			(want == "null" || strings.HasPrefix(want, "-WRONGTYPE"))
	}
	return false
}

// compareState checks that both hold the same.
func (p *pair) compareState(keys []string) bool {
	p.t.Helper()
	ok := true
	for _, key := range keys {
		ok = p.compare("GET", key) && p.compare("HGETALL", key) && p.compare("PEXPIRETIME", key) && ok
	}
	return ok
}

// The goal: whatever a client sends, the table answers what Redis 7.0 does. The method: seeded random commands, most of
// them nearly right, against both; replies and, every so often, the whole state are compared.
// HOLT_SEED replays a failure.
func TestTableAnswersRandomCommandsAsRedisDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HOLT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("HOLT_SEED=%s: %v", text, err)
		}
	}
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			p := newPair(t, proto)
			g := newGenerator(2*seed + uint64(proto))
			for i := range 3000 {
				ok := p.compare(g.command()...)
				if i%50 == 49 {
					ok = p.compareState(g.keys) && ok
				}
				if !ok {
					t.Fatalf("after %d commands; replay with HOLT_SEED=%d go test -run %s ./gateway/command", i, seed, t.Name())
				}
			}
		})
	}
}

// The sums of INCRBYFLOAT to the last digit, for numbers of all sizes and forms.
func TestFloatSumsAreThoseOfRedis(t *testing.T) {
	if !sameLongDouble {
		t.Skip("the long double of this machine is not that of x86-64, so sums differ in their last digits")
	}
	seed := uint64(time.Now().UnixNano())
	p, g := newPair(t, 2), newGenerator(seed)
	for range 1500 {
		p.compare("SET", "n", g.number())
		p.compare("INCRBYFLOAT", "n", g.number())
		if !p.compare("INCRBYFLOAT", "n", g.number()) {
			t.Fatalf("seed %d", seed)
		}
	}
}

// sameLongDouble tells whether Redis computes with the floating point format that package ops computes with.
const sameLongDouble = runtime.GOARCH == "amd64"
