package command

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// generator makes commands that are mostly right.
type generator struct {
	*rand.Rand
	keys   []string
	values []string
	ttls   []int
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	g.keys = []string{"a", "b", "c", "d", "e", "list", "", "h", "i", "j"}
	g.values = []string{
		"", "0", "1", "-1", "10", "007", " 11", "11 ", "+5", "-0", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "12345678901234567890", "1.5", "-2.25", "3.0e3", "1e400", "1e5000", "inf", "-inf", "nan",
		"0x1p3", ".5", "5.", "1e-20", "0.1", "0.2", "hello", strings.Repeat("x", 44), strings.Repeat("y", 45),
		strings.Repeat("z", 5000), "a\x00b\r\n",
	}
	g.ttls = g.Perm(5000)
	return g
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) key() string   { return pick(g, g.keys...) }
func (g *generator) value() string { return pick(g, g.values...) }

// offset is a position in a value, mostly near it.
func (g *generator) offset() string {
	if g.IntN(12) == 0 {
		return pick(g, "x", "", "1048576", "1048577", "9223372036854775807", "-9223372036854775808", "536870912")
	}
	return g.nearOffset()
}

// ttl is a number of the unit: relative or absolute, far from every other one, now and then wrong. Relative ones never
// repeat, so that comparing two of them doesn't depend on the millisecond at which they were set.
func (g *generator) ttl(unit time.Duration, absolute bool) string {
	switch g.IntN(12) {
	case 0:
		return pick(g, "0", "-1", "x", "", "1.5", "9223372036854775807", "9223372036854775", "9223372036854776",
			"-9223372036854775808", "-9223372036854776", "9223372036854770000")
	case 1:
		if absolute {
			return pick(g, "1", "1000")
		}
	}
	ttl := g.ttls[0]
	g.ttls = append(g.ttls[1:], ttl)
	d := time.Duration(ttl+1) * 1000 * time.Second
	if absolute {
		d += time.Duration(time.Now().Add(500 * time.Second).UnixNano())
	}
	return strconv.FormatInt(int64(d/unit), 10)
}

// caseOf writes a word in upper, lower or mixed case.
func (g *generator) caseOf(word string) string {
	return pick(g, word, strings.ToLower(word), word[:1]+strings.ToLower(word[1:]))
}

// setOptions are some of the options of SET and GETEX.
func (g *generator) setOptions(words ...string) []string {
	var options []string
	for range pick(g, 0, 1, 1, 1, 2, 2, 3) {
		word := pick(g, words...)
		options = append(options, g.caseOf(word))
		switch {
		case g.IntN(25) == 0:
		case word == "EX":
			options = append(options, g.ttl(time.Second, false))
		case word == "PX":
			options = append(options, g.ttl(time.Millisecond, false))
		case word == "EXAT":
			options = append(options, g.ttl(time.Second, true))
		case word == "PXAT":
			options = append(options, g.ttl(time.Millisecond, true))
		}
	}
	return options
}

// loneNumber is the number that may come too much. Where it becomes the time to live of an option that lost its own, it
// is far off or in the past, as those of ttl are: an expiry within the test would compare two clocks.
const loneNumber = "1000500500"

// command makes one command; now and then an argument too few or too many.
func (g *generator) command() []string {
	args := g.rightCommand()
	switch g.IntN(60) {
	case 0:
		args = args[:len(args)-1]
	case 1:
		args = append(args, pick(g, "x", "", "NX", "get", "PERSIST", loneNumber))
	}
	if strings.HasSuffix(args[0], "INCRBYFLOAT") && !sameLongDouble {
		return g.command()
	}
	args[0] = g.caseOf(args[0])
	return args
}

// hashKey is mostly a key that holds a hash.
func (g *generator) hashKey() string { return pick(g, "h", "h", "i", "i", "j", "a", "list") }

func (g *generator) field() string {
	return pick(g, "f", "g", "h", "i", "n", "n", "", strings.Repeat("f", 70))
}

func (g *generator) fieldValues() []string {
	var pairs []string
	for range pick(g, 1, 1, 1, 2, 3, 10) {
		pairs = append(pairs, g.field(), g.value())
	}
	return pairs
}

// hashCommand is a command on a hash whose reply depends on nothing but its fields.
func (g *generator) hashCommand() []string {
	switch g.IntN(14) {
	case 0, 1, 2:
		return append([]string{pick(g, "HSET", "HSET", "HMSET"), g.hashKey()}, g.fieldValues()...)
	case 3:
		return []string{"HSETNX", g.hashKey(), g.field(), g.value()}
	case 4, 5:
		return []string{"HDEL", g.hashKey(), g.field(), g.field(), g.field()}
	case 6, 7:
		return []string{"HINCRBY", g.hashKey(), g.field(), g.value()}
	case 8:
		return []string{"HINCRBYFLOAT", g.hashKey(), g.field(), g.value()}
	case 9:
		return []string{pick(g, "HGET", "HEXISTS", "HSTRLEN"), g.hashKey(), g.field()}
	case 10:
		return []string{"HMGET", g.hashKey(), g.field(), g.field(), g.field()}
	case 11:
		return []string{pick(g, "HLEN", "HGETALL", "HKEYS", "HVALS", "TYPE", "PERSIST", "DEL"), g.hashKey()}
	case 12:
		return []string{"EXPIRE", g.hashKey(), g.ttl(time.Second, false)}
	}
	return pick(g, []string{"HSCAN", g.hashKey(), "0", "COUNT", "1000"}, []string{"HRANDFIELD", g.hashKey(), "1000"},
		[]string{"HRANDFIELD", g.hashKey(), "1000", "WITHVALUES"}, []string{"SET", g.hashKey(), g.value()}, []string{"GET", g.hashKey()})
}

func (g *generator) rightCommand() []string {
	if g.IntN(3) == 0 {
		return g.hashCommand()
	}
	switch g.IntN(36) {
	case 30, 31, 32, 33, 34:
		return g.rightBitCommand()
	case 35:
		return []string{pick(g, "RENAME", "RENAMENX", "COPY", "LCS", "DUMP"), g.key(), g.key()}
	case 0, 1, 2, 3, 4:
		return append([]string{"SET", g.key(), g.value()}, g.setOptions("NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "PERSIST")...)
	case 5:
		return append([]string{"GETEX", g.key()}, g.setOptions("EX", "PX", "EXAT", "PXAT", "PERSIST", "KEEPTTL")...)
	case 6:
		return []string{pick(g, "SETNX", "GETSET", "APPEND"), g.key(), g.value()}
	case 7:
		return []string{"SETEX", g.key(), g.ttl(time.Second, false), g.value()}
	case 8:
		return []string{"PSETEX", g.key(), g.ttl(time.Millisecond, false), g.value()}
	case 9:
		return []string{pick(g, "GET", "GETDEL", "STRLEN", "TYPE", "PERSIST"), g.key()}
	case 10:
		return []string{pick(g, "GETRANGE", "SUBSTR"), g.key(), g.offset(), g.offset()}
	case 11, 12:
		return []string{"SETRANGE", g.key(), g.offset(), g.value()}
	case 13, 14:
		return []string{pick(g, "INCR", "DECR"), g.key()}
	case 15, 16:
		return []string{pick(g, "INCRBY", "DECRBY"), g.key(), g.value()}
	case 17, 18:
		return []string{"INCRBYFLOAT", g.key(), g.value()}
	case 19:
		return []string{pick(g, "MSET", "MSETNX"), g.key(), g.value(), g.key(), g.value()}
	case 20:
		return []string{pick(g, "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET"), g.key(), g.key(), g.key()}
	case 21, 22:
		return append([]string{"EXPIRE", g.key(), g.ttl(time.Second, false)}, g.conditions()...)
	case 23:
		return append([]string{"PEXPIRE", g.key(), g.ttl(time.Millisecond, false)}, g.conditions()...)
	case 24:
		return append([]string{"EXPIREAT", g.key(), g.ttl(time.Second, true)}, g.conditions()...)
	case 25:
		return append([]string{"PEXPIREAT", g.key(), g.ttl(time.Millisecond, true)}, g.conditions()...)
	case 26, 27:
		return []string{pick(g, "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), g.key()}
	case 28:
		return []string{pick(g, "MGET", "DEL", "TOUCH", "EXISTS"), g.key()}
	}
	return []string{pick(g, "SET", "APPEND"), g.key(), g.value()}
}

func (g *generator) rightBitCommand() []string {
	bit := func() string { return strconv.Itoa(g.IntN(400)) }
	switch g.IntN(6) {
	case 0:
		return []string{"SETBIT", g.key(), bit(), pick(g, "0", "1")}
	case 1:
		return []string{"GETBIT", g.key(), bit()}
	case 2:
		return []string{"BITCOUNT", g.key(), g.nearOffset(), g.nearOffset(), pick(g, "BYTE", "bit")}
	case 3:
		return []string{"BITPOS", g.key(), pick(g, "0", "1"), g.nearOffset(), g.nearOffset(), pick(g, "byte", "BIT")}
	case 4:
		return []string{"BITOP", pick(g, "AND", "OR", "XOR"), g.key(), g.key(), g.key()}
	}
	args := []string{"BITFIELD", g.key()}
	for range 1 + g.IntN(4) {
		kind := fmt.Sprintf("%s%d", pick(g, "u", "i"), 1+g.IntN(63))
		switch g.IntN(4) {
		case 0:
			args = append(args, "OVERFLOW", pick(g, "WRAP", "SAT", "FAIL"))
		case 1:
			args = append(args, "GET", kind, bit())
		default:
			// Redis saturates a SET of what is further below at the wrong end: see DIFFERENCES.md.
			value := max(int64(g.Uint64()>>g.IntN(64)), -1<<62)
			args = append(args, pick(g, "SET", "INCRBY"), kind, bit(), strconv.FormatInt(value, 10))
		}
	}
	return args
}

// nearOffset is a position in a value or near it.
func (g *generator) nearOffset() string { return strconv.Itoa(g.IntN(60) - 20) }

func (g *generator) conditions() []string {
	var conditions []string
	for range pick(g, 0, 0, 1, 1, 1, 2, 3) {
		conditions = append(conditions, g.caseOf(pick(g, "NX", "XX", "GT", "LT", "XX", "GT", "AB")))
	}
	return conditions
}

// number is a floating point number of random size, length and form.
func (g *generator) number() string {
	digits := func(most int) string {
		text := make([]byte, g.IntN(most))
		for i := range text {
			text[i] = byte('0' + g.IntN(10))
		}
		return string(text)
	}
	text := pick(g, "", "-", "+") + digits(22) + pick(g, "", ".", ".", ".") + digits(30)
	switch g.IntN(8) {
	case 0:
		text += fmt.Sprintf("e%d", g.IntN(60)-30)
	case 1:
		text += fmt.Sprintf("e%d", g.IntN(10000)-5000)
	case 2:
		text = fmt.Sprintf("%s0x%x.%xp%d", pick(g, "", "-"), g.Uint64(), g.Uint64(), g.IntN(200)-100)
	}
	return text
}
