package command

import (
	"strconv"
	"strings"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
)

// scanSpecs are the commands that go through the keys of a node. The server answers them: the keys are in many slots.
func scanSpecs() []*Spec {
	return []*Spec{
		{
			Name: "scan", Arity: -2, Flags: ReadOnly, Categories: CatKeyspace,
			Tips:    []string{"nondeterministic_output", "request_policy:special"},
			Summary: "Incrementally iterate the keys space",
			Since:   "2.8.0", Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
			Arguments: []Arg{
				integer("cursor"),
				pattern("pattern").after("MATCH").optional(),
				integer("count").after("COUNT").optional(),
				text("type").after("TYPE").from("6.0.0").optional(),
				token("BYSLOT").from("0.1.0").optional(),
			},
		},
		{
			Name: "keys", Arity: 2, Flags: ReadOnly, Categories: CatKeyspace | CatDangerous,
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output_order"},
			Summary: "Find all keys matching the given pattern",
			Since:   "1.0.0", Complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
			Arguments: []Arg{pattern("pattern")},
		},
		{
			Name: "randomkey", Arity: 1, Flags: ReadOnly, Categories: CatKeyspace,
			Tips:    []string{"request_policy:all_shards", "nondeterministic_output"},
			Summary: "Return a random key from the keyspace",
			Since:   "1.0.0", Complexity: "O(1)",
		},
	}
}

var errCursor = apierr.New(apierr.KindInvalid, "invalid cursor")

// scanCountDefault is how many keys or fields a step looks at where nothing else is said, as in Redis.
const scanCountDefault = 10

// ScanQuery is what SCAN asks for.
type ScanQuery struct {
	Cursor uint64
	// Count is about how many keys to look at.
	Count int64
	// Type is the name of the type that is asked for, in lower case; empty means any.
	Type string
	// BySlot: the slot that the cursor names is asked for wherever it is served, and those behind it as far as they are served there.
	BySlot bool

	// pattern is what keys have to match, where filtered says so.
	pattern  string
	filtered bool
}

// Match tells whether a key is asked for.
func (q *ScanQuery) Match(key []byte) bool { return !q.filtered || matchGlob(q.pattern, string(key)) }

// KeysQuery is the query of KEYS.
func KeysQuery(pattern []byte) ScanQuery { return ScanQuery{pattern: string(pattern), filtered: true} }

// ParseScan reads the arguments of SCAN.
func ParseScan(args [][]byte) (ScanQuery, error) {
	q := ScanQuery{Count: scanCountDefault}
	var err error
	if q.Cursor, err = parseCursor(args[1]); err != nil {
		return q, err
	}
	for options := args[2:]; len(options) > 0; options = options[2:] {
		if word(options[0], "BYSLOT") && len(options) == 1 {
			q.BySlot = true
			break
		}
		if len(options) < 2 {
			return q, errSyntax
		}
		switch {
		case word(options[0], "COUNT"):
			if q.Count, err = ops.ParseInt(options[1]); err != nil {
				return q, err
			}
			if q.Count < 1 {
				return q, errSyntax
			}
		case word(options[0], "MATCH"):
			q.pattern, q.filtered = string(options[1]), string(options[1]) != "*"
		case word(options[0], "TYPE"):
			q.Type = strings.ToLower(string(options[1]))
			if q.Type == "" {
				q.Type = "none" // what no key is
			}
		default:
			return q, errSyntax
		}
	}
	return q, nil
}

// Command is the query as one by slot from a cursor on, about count keys at a time.
func (q *ScanQuery) Command(cursor uint64, count int64) [][]byte {
	words := [][]byte{[]byte("SCAN"), strconv.AppendUint(nil, cursor, 10), []byte("COUNT"), strconv.AppendInt(nil, count, 10)}
	if q.filtered {
		words = append(words, []byte("MATCH"), []byte(q.pattern))
	}
	if q.Type != "" {
		words = append(words, []byte("TYPE"), []byte(q.Type))
	}
	return append(words, []byte("BYSLOT"))
}

// parseCursor reads a cursor as C's strtoul does, but for blanks (Redis, db.c, parseScanCursorOrReply).
func parseCursor(arg []byte) (uint64, error) {
	text := string(clip(arg, len(arg)))
	digits := strings.TrimLeft(text, "+-")
	if len(text) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(text)-len(digits) > 1 {
		return 0, errCursor
	}
	if text[0] == '-' {
		n = -n
	}
	return n, nil
}
