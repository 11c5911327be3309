package conformance

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Difference is a way in which replies of Holt differ from those of Redis.
type Difference struct {
	// Rows are the names of the rows that it is about; AnyRow stands for all.
	Rows []string
	// Example is a command that shows it, on the state of SetUp.
	Example []string
	// When, where not empty, matches the commands that it is about, words with a blank between them.
	When string
	// Got and Want match the replies of Holt and of Redis where they differ so.
	Got, Want string
	// Reason says what differs and why.
	Reason string
	// Keys tells that what keys hold afterwards differs too.
	Keys bool
	// Proto, where not 0, is the version of the protocol in which alone the example shows it.
	Proto int
}

// AnyRow is the name of all rows.
const AnyRow = "*"

// of tells whether the difference is about a command.
func (d *Difference) of(row string, args []string) bool {
	return (d.When == "" || matches(d.When, []byte(strings.Join(args, " ")))) && (slices.Contains(d.Rows, row) || slices.Contains(d.Rows, AnyRow))
}

// about tells whether the difference explains these replies.
func (d *Difference) about(row string, args []string, got, want []byte) bool {
	return d.of(row, args) && matches(d.Got, got) && matches(d.Want, want)
}

func matches(pattern string, reply []byte) bool {
	return regexp.MustCompile("(?s)^(" + pattern + ")$").Match(reply)
}

// Explain finds the known difference that explains the replies to a command of a row; nil where none does.
func Explain(row string, args []string, got, want []byte) *Difference {
	for i := range Differences {
		if Differences[i].about(row, args, got, want) {
			return &Differences[i]
		}
	}
	return nil
}

// ExplainKeys tells whether a known difference explains that keys hold something else after a command of a row.
func ExplainKeys(row string, args []string) bool {
	return slices.ContainsFunc(Differences, func(d Difference) bool { return d.Keys && d.of(row, args) })
}

// anyReply matches any reply.
const anyReply = ".*"

// Differences are the known differences.
var Differences = []Difference{
	{
		Rows:    []string{"incrbyfloat", "getex", "bitcount", "bitpos", "lcs", "restore", "hscan"},
		Example: []string{"BITCOUNT", keyMissing, "1"},
		Got:     `-ERR .*`, Want: `(:0|:-1|\$-1|_|\*2\r\n\$1\r\n0\r\n\*0|-WRONGTYPE .*|-BUSYKEY .*|-ERR The specified keys must contain string values)\r\n`,
		Reason: "Arguments are checked before the key is looked at, so a wrong one is refused where Redis answers that there is no key, or that it holds another type.",
	},
	{
		Rows:    []string{"client|tracking"},
		Example: []string{"CLIENT", "TRACKING", "ON", "BCAST"}, Proto: 2,
		Got: `-ERR invalidations need RESP3.*`, Want: `\+OK\r\n`,
		Reason: "In RESP2 without REDIRECT it is refused, because nobody would be told anything.",
	},
	{
		Rows:    []string{"client|tracking"},
		Example: []string{"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "b", "PREFIX", "bc"}, Proto: 3,
		Got: `-ERR Prefix '.*' overlaps .*\r\n`, Want: `-ERR Prefix '.*' overlaps .*\r\n\+OK\r\n`,
		Reason: "Redis 7.0 answers twice where two prefixes overlap of which none is the first: the error, and OK.",
	},
	{
		Rows:    []string{AnyRow},
		Example: []string{"CLIENT", "KILL", "USER", strings.Repeat("x", 200)},
		Got:     `-ERR .{128,240}\r\n`, Want: `-ERR .{140,}\r\n`,
		Reason: "Errors repeat at most 128 bytes of an argument.",
	},
	{
		Rows:    []string{"bitfield"},
		Example: []string{"BITFIELD", keyText, "SET", "i32", "8388607", "1"},
		Got:     `-ERR string exceeds maximum allowed size .*`, Want: `\*.*`,
		Reason: "A field whose first bit is within the limit of a value and whose last is not is refused; Redis lets such a value pass its limit.",
	},
	{
		Rows:    []string{"bitfield"},
		Example: []string{"BITFIELD", keyMissing, "OVERFLOW", "SAT", "SET", "i8", "0", "-9223372036854775807", "GET", "i8", "0"},
		When:    `(?i).* sat .*set i.* -\d{19}.*`, Keys: true,
		Got: `\*.*`, Want: `\*.*`,
		Reason: "A SET of much less than a field holds saturates at its least number; in Redis a difference overflows, and it saturates at the greatest.",
	},
	{
		Rows:    []string{"restore"},
		Example: []string{"RESTORE", keyMissing, "9223372036854775807", dumps[0]},
		Got:     `-ERR invalid expire time in 'restore' command\r\n`, Want: `\+OK\r\n`,
		Reason: "A time to live that ends beyond the range of the clock is refused; in Redis the sum overflows, and the key is gone at once.",
	},
	{
		Rows:    []string{"config|rewrite"},
		Example: []string{"CONFIG", "REWRITE"},
		Got:     `\+OK\r\n`, Want: `-ERR The server is running without a config file\r\n`,
		Reason: "What CONFIG SET changes is durable at once, so there is nothing to write.",
	},
	{
		Rows:    []string{"hello"},
		Example: []string{"HELLO", "3", "AUTH", "nobody", "nothing", "MORE"},
		Got:     `-ERR (Syntax error in HELLO option|Client names cannot contain) .*`, Want: `-WRONGPASS .*`,
		Reason: "All arguments are checked before any counts.",
	},
	{
		Rows:    []string{"hello", "client|setname", "client|setinfo"},
		Example: []string{"CLIENT", "SETNAME", strings.Repeat("x", 257)},
		Got:     `-ERR .* cannot be longer than 256 bytes .*`, Want: anyReply,
		Reason: "What clients call themselves has at most 256 bytes, since CLIENT LIST repeats it for all of them.",
	},
	{
		Rows:    []string{"eval", "eval_ro", "script|load"},
		Example: []string{"EVAL", "hello", "0"},
		Got:     `-ERR Error compiling script .*`, Want: `-ERR Error compiling script .*`,
		Reason: "The compiler of Lua words its errors otherwise.",
	},
	{
		Rows:    []string{"eval", "eval_ro"},
		Example: []string{"EVAL", "return nil + 1", "0"},
		Got:     `-ERR user_script:\d+: (cannot|attempt) .*`, Want: `-ERR user_script:\d+: attempt .*`,
		Reason: "So does the machine that runs it, as to what can't be done with a value.",
	},
	{
		Rows:    []string{"eval", "eval_ro"},
		Example: []string{"EVAL", "return redis.call('GET', '" + keyText + "')", "0"},
		Got:     `-ERR Script attempted to access a non local key in a cluster node .*`, Want: anyReply,
		Reason: "A script uses keys of the slot of the keys that it is given, and none where it is given none.",
	},
	{
		Rows:    []string{"eval", "eval_ro"},
		Example: []string{"EVAL", "return redis.call('LASTSAVE')", "0"},
		Got:     `-ERR This Redis command is not allowed from script .*`, Want: anyReply,
		Reason: "Beside commands on keys scripts may call ECHO, PING and TIME only.",
	},
	{
		Rows:    []string{"eval", "eval_ro", "evalsha", "evalsha_ro"},
		Example: []string{"EVAL", "return 1", "2x", keyText, keyElsewhere},
		Got:     `-(ERR value is not an integer or out of range|NOSCRIPT .*)\r\n`, Want: `-CROSSSLOT .*`,
		Reason: "Where the number of keys is none there are no keys that could be of two slots; Redis goes by the digits that it begins with.",
	},
	{
		Rows:    []string{"acl|setuser"},
		Example: []string{"ACL", "SETUSER", "somebody", "a\x00b"},
		When:    `.*\x00.*`,
		Got:     `-ERR Error in ACL SETUSER modifier .*`, Want: `-ERR Error in ACL SETUSER modifier .*`,
		Reason: "Errors repeat a rule beyond its first zero byte.",
	},
	{
		Rows:    []string{"set"},
		Example: []string{"SET", keyText, "value", "IFEQ", "Hello World"},
		When:    `(?i).* IF(D?EQ|D?NE|VER) .*`,
		Got:     anyReply, Want: `-ERR syntax error\r\n`,
		Reason: "IFEQ, IFNE, IFDEQ and IFDNE are those of Redis 8.4, IFVER is Holt's own.",
	},
	{
		Rows:    []string{"scan"},
		Example: []string{"SCAN", "0", "BYSLOT"},
		When:    `(?i).* byslot`, Got: `(\*2.*|-(MOVED|ASK) .*)`, Want: `-ERR syntax error\r\n`,
		Reason: "BYSLOT is Holt's own: a pass over all shards by the numbers of slots, which gateways use.",
	},
}

// ErrorsOnly are the rows of which only errors are compared to the byte, and of other replies the type alone: with the
// reason why they cannot be equal. Rows whose tips say that their output is not deterministic need not be named.
var ErrorsOnly = map[string]string{
	"acl|help": helpIsOurs, "client|help": helpIsOurs, "cluster|help": helpIsOurs, "command|help": helpIsOurs, "config|help": helpIsOurs,
	"debug": helpIsOurs, "function|help": helpIsOurs, "latency|help": helpIsOurs, "memory|help": helpIsOurs, "object|help": helpIsOurs, "pubsub|help": helpIsOurs, "script|help": helpIsOurs, "slowlog|help": helpIsOurs,
	"cluster|info": clusterFacts, "cluster|nodes": clusterFacts, "cluster|slots": clusterFacts, "cluster|shards": clusterFacts,
	"cluster|myid": clusterFacts, "cluster|links": clusterFacts,
	"config|get": "there are other settings",
	"role":       "offsets are log indexes", "memory|usage": "it is what the key takes here",
	"hello":       "version and numbers of connections are others",
	"client|id":   "connections are counted for themselves",
	"acl|genpass": "it is random",
	"acl|log":     "tells of other connections, at other times; entries have their fields of Redis 7.2",
}

const clusterFacts = "names the nodes of a cluster, which is another one"

const helpIsOurs = "made of the table, so it names what is there"

// NotCompared are the rows that are never sent to both, with the reason.
var NotCompared = map[string]string{
	"bgsave": backgroundSave, "bgrewriteaof": backgroundSave,
	"cluster|addslots": changesCluster, "cluster|addslotsrange": changesCluster, "cluster|bumpepoch": changesCluster,
	"cluster|delslots": changesCluster, "cluster|delslotsrange": changesCluster, "cluster|failover": changesCluster,
	"cluster|flushslots": changesCluster, "cluster|forget": changesCluster, "cluster|meet": changesCluster,
	"cluster|replicate": changesCluster, "cluster|reset": changesCluster, "cluster|saveconfig": changesCluster,
	"cluster|set-config-epoch": changesCluster, "cluster|setslot": changesCluster,
	"client|reply": "takes the replies away that would be compared",
	"shutdown":     "ends the server",
	"command":      rowsAreCompared, "command|info": rowsAreCompared, "command|docs": rowsAreCompared, "command|list": rowsAreCompared,
	"command|count": "there are other commands", "command|getkeys": rowsAreCompared, "command|getkeysandflags": rowsAreCompared,
}

const (
	changesCluster  = "changes the cluster, which goes through the meta group here, or is refused with what to use instead"
	backgroundSave  = "the reply depends on what is just being saved"
	rowsAreCompared = "compared row by row by the tests of package command"
)

// exact are rows that are compared to the byte although their output is not deterministic by their tips.
var exact = []string{"dump", "object|encoding"}

// Compared tells how the replies to a row are compared.
func Compared(row string, tips []string) (errorsOnly, skipped bool) {
	_, skipped = NotCompared[row]
	_, errorsOnly = ErrorsOnly[row]
	return errorsOnly || slices.Contains(tips, "nondeterministic_output") && !slices.Contains(exact, row), skipped
}

// Unordered tells whether the elements of the reply to a row come in no particular order.
func Unordered(tips []string) bool { return slices.Contains(tips, "nondeterministic_output_order") }

// Document is the list as a page.
func Document() string {
	var b strings.Builder
	b.WriteString("# Where replies differ from those of Redis 7.0.15\n\n")
	b.WriteString("Made from `conformance/differences.go` by `go test ./gateway/command/conformance -rewrite`.\n\n")
	b.WriteString("Every row of the command table that Redis has is compared with it, byte by byte, on commands that are made of the row itself. These differences are known:\n\n")
	b.WriteString("| commands | how Holt differs | example |\n|---|---|---|\n")
	for _, d := range Differences {
		fmt.Fprintf(&b, "| %s | %s | `%s` |\n", commandList(d.Rows), d.Reason, written(d.Example))
	}
	b.WriteString("\n## Compared by errors and type of reply only\n\nSo are all rows whose output is not deterministic by their tips.\n\n| command | why |\n|---|---|\n")
	writeReasons(&b, ErrorsOnly)
	b.WriteString("\n## Not compared\n\n| command | why |\n|---|---|\n")
	writeReasons(&b, NotCompared)
	return b.String()
}

// written is a command on one line, without what is long or cannot be printed.
func written(args []string) string {
	words := slices.Clone(args)
	for i, word := range words {
		if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
			words[i] = "<bytes>"
		} else if len(word) > 40 {
			words[i] = word[:8] + "..."
		}
	}
	return strings.Join(words, " ")
}

func writeReasons(b *strings.Builder, reasons map[string]string) {
	rows := map[string][]string{}
	for row, reason := range reasons {
		rows[reason] = append(rows[reason], row)
	}
	var lines []string
	for reason, names := range rows {
		slices.Sort(names)
		lines = append(lines, "| "+commandList(names)+" | "+reason+" |\n")
	}
	slices.Sort(lines)
	for _, line := range lines {
		b.WriteString(line)
	}
}

func commandList(rows []string) string {
	names := make([]string, len(rows))
	for i, row := range rows {
		if row == AnyRow {
			return "all"
		}
		names[i] = "`" + strings.ToUpper(strings.ReplaceAll(row, "|", " ")) + "`"
	}
	return strings.Join(names, " ")
}
