package conformance

import (
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/command"
)

// The keys that commands are about, all of one slot, and what SetUp gives them.
const (
	keyText    = "{t}text"
	keyInteger = "{t}integer"
	keyLong    = "{t}long"
	keyExpires = "{t}expires"
	keyMissing = "{t}missing"
	keyEmpty   = "{t}empty"
	keyFloat   = "{t}float"
	keyBits    = "{t}bits"
	keyHash    = "{t}hash"
	// keyElsewhere is of another slot.
	keyElsewhere = "{u}elsewhere"
)

// Keys are those whose state is compared after a command.
var Keys = []string{keyText, keyInteger, keyLong, keyExpires, keyMissing, keyEmpty, keyFloat, keyBits}

// longValue is longer than what Holt patches rather than writes anew.
var longValue = strings.Repeat("0123456789", 500)

// SetUp is the state that each command begins with. withHash tells that both servers know hashes.
func SetUp(withHash bool) [][]string {
	commands := [][]string{
		append(append([]string{"DEL"}, Keys...), keyHash),
		{"DEL", keyElsewhere},
		{"MSET", keyText, "Hello World", keyInteger, "41", keyLong, longValue, keyEmpty, "", keyFloat, "3.25", keyBits, "\x00\xff\x0f\x80"},
		{"SET", keyExpires, "soon", "PXAT", "4102444800000"},
	}
	if withHash {
		commands = append(commands, []string{"HSET", keyHash, "field", "value", "number", "41", "float", "3.25"})
	}
	return commands
}

func (g *Generator) key() string {
	if g.oneIn(40) {
		return keyElsewhere
	}
	if g.oneIn(8) {
		return keyHash
	}
	return pick(g, Keys...)
}

// junk is an argument that hardly ever is right.
func (g *Generator) junk() string {
	if g.waits {
		return pick(g, "", "x", "-1", "0", "3.5", "9223372036854775808", "ALL", "write", "a\x00b", keyText)
	}
	return pick(g, "", "x", "-1", "0", "3.5", "1000500500", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "007",
		" 1", "NX", "get", "COUNT", "*", "a\x00b", "\r\n", strings.Repeat("y", 150), keyText)
}

// value makes an argument of a simple type. The name decides where the type alone says too little.
func (g *Generator) value(a *command.Arg) string {
	switch a.Type {
	case command.ArgKey:
		return g.key()
	case command.ArgInteger:
		return g.integer(a)
	case command.ArgUnixTime:
		return g.instant(strings.Contains(a.Name, "milliseconds"))
	case command.ArgDouble:
		return pick(g, "0", "1", "-1", "0.1", "2.5", "-0", "1e3", "inf", "nan", "x", "", "3.0")
	case command.ArgPattern:
		return pick(g, "*", "{t}*", "{t}[a-i]*", "{t}??xt", "\\{t}text", "{t}[^a-m]*", "none", "", "{t}*t*", "[", "*field*")
	}
	switch a.Name {
	case "encoding":
		return pick(g, "u1", "u8", "i8", "i16", "u16", "i32", "u63", "i64", "u64", "i65", "u0", "x8", "i", "", "u007")
	case "operation":
		return pick(g, "AND", "or", "XOR", "not", "NOT", "nand")
	case "field":
		return pick(g, "field", "number", "float", "new", "", "none")
	case "serialized-value":
		return g.dump()
	case "connection-name", "name", "libname", "libver":
		return pick(g, "conformance", "", "with blank", "a\nb", "x")
	}
	return pick(g, "", "0", "1", "-1", "41", "007", "9223372036854775807", "1.5", "Hello World", "hello", "a\x00b\r\n",
		strings.Repeat("z", 45), longValue[:4500])
}

func (g *Generator) integer(a *command.Arg) string {
	if g.oneIn(10) {
		return pick(g, "x", "", "1.5", " 1", "9223372036854775808", "-0", "+1")
	}
	switch a.Name {
	case "seconds":
		if a.Token == "IDLETIME" {
			return pick(g, "0", "10", "-1", "100000")
		}
		return g.lifetime(1)
	case "milliseconds", "ttl":
		return g.lifetime(1000)
	case "offset":
		if g.oneIn(3) {
			return pick(g, "#0", "#1", "#3", "#-1", "-1", "8388607", "8388608", "9223372036854775807", "4294967296")
		}
		return strconv.Itoa(g.random.IntN(40))
	case "bit":
		return pick(g, "0", "1", "1", "2", "-1")
	case "timeout", "numreplicas", "numlocal":
		return pick(g, "0", "-1", "0", "x") // never so that it waits
	case "numkeys":
		return pick(g, "1", "2", "3", "0", "-1")
	case "cursor":
		return pick(g, "0", "0", "0", "x", "-1", "18446744073709551616")
	case "count":
		return pick(g, "1", "10", "100", "0", "-1", "3")
	case "destination-db":
		return pick(g, "0", "0", "1", "15", "16", "-1", "4294967296")
	case "frequency":
		return pick(g, "0", "255", "256", "-1", "5")
	}
	return pick(g, "0", "1", "-1", "2", "5", "10", "-5", "100", "1000", "9223372036854775807", "-9223372036854775808", "-3", "7", "64")
}

// lifetime is a time to live, in so many parts of a second: far off, over at once, or out of range.
func (g *Generator) lifetime(perSecond int64) string {
	if g.oneIn(3) {
		return pick(g, "0", "-1", "9223372036854775807", "9223372036854775", "9223372036854776", "-9223372036854775808")
	}
	return strconv.FormatInt((1+int64(g.random.IntN(100)))*100_000*perSecond, 10)
}

// instant is a time of the past, or of the far future, so that no clock matters.
func (g *Generator) instant(milliseconds bool) string {
	if g.oneIn(4) {
		return pick(g, "1", "0", "-1", "9223372036854775807", "9223372036854775", "9223372036854776", "x")
	}
	at := time.Date(2100+g.random.IntN(100), 1, 1, 0, 0, 0, 0, time.UTC)
	if milliseconds {
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// dump is a value in the form of DUMP: of Redis 7.0.15, whole or damaged.
func (g *Generator) dump() string {
	return pick(g, dumps...)
}
