package resp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const ping = "*1\r\n$4\r\nPING\r\n"

func prefixed(count string) string { return "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n" + count + "\r\n" }

// corpus is what a hostile or careless client sends. want is commands joined by '|', their arguments quoted; err is the
// error text after "Protocol error: ".
var corpus = []struct {
	name, input, want, err string
	limits                 func() Limits
}{
	{name: "one command", input: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", want: `"GET" "k"`},
	{name: "a pipeline", input: ping + ping + "PING\r\n", want: `"PING"|"PING"|"PING"`},
	{name: "empty and binary arguments", input: "*3\r\n$0\r\n\r\n$4\r\n\r\n\x00\xff\r\n$1\r\n*\r\n", want: `"" "\r\n\x00\xff" "*"`},
	{name: "empty line", input: "\r\n" + ping, want: `"PING"`},
	{name: "line feed only", input: "\n\n" + ping, want: `"PING"`},
	{name: "line of spaces", input: " \t \r\n" + ping, want: `"PING"`},
	{name: "no arguments", input: "*0\r\n" + ping, want: `"PING"`},
	{name: "null array", input: "*-1\r\n" + ping, want: `"PING"`},
	{name: "negative count", input: "*-10\r\n" + ping, want: `"PING"`},
	{name: "smallest count", input: "*-9223372036854775808\r\n" + ping, want: `"PING"`},

	{name: "count over the limit", input: "*20000000\r\n", err: "invalid multibulk length"},
	{name: "count one over the limit", input: "*1048577\r\n", err: "invalid multibulk length"},
	{name: "count at the limit", input: "*1048576\r\n$1\r\na\r\n"},
	{name: "count that costs CPU", input: "*300000000\r\n", err: "invalid multibulk length"},
	{name: "largest count", input: "*9223372036854775807\r\n", err: "invalid multibulk length"},
	{name: "count past int64", input: "*9223372036854775808\r\n", err: "invalid multibulk length"},
	{name: "count past uint64", input: "*99999999999999999999\r\n", err: "invalid multibulk length"},
	{name: "count that wraps to 1", input: "*18446744073709551617\r\n$4\r\nPING\r\n", err: "invalid multibulk length"},
	{name: "bulk that wraps to 4", input: "*1\r\n$18446744073709551620\r\nPING\r\n", err: "invalid bulk length"},
	{name: "negative count past int64", input: "*-9223372036854775809\r\n", err: "invalid multibulk length"},
	{name: "count is text", input: "*foo\r\n", err: "invalid multibulk length"},
	{name: "count is empty", input: "*\r\n", err: "invalid multibulk length"},
	{name: "count is minus", input: "*-\r\n", err: "invalid multibulk length"},
	{name: "count is minus zero", input: "*-0\r\n", err: "invalid multibulk length"},
	{name: "count with NUL", input: "*\x00\r\n", err: "invalid multibulk length"},
	{name: "count line without line feed", input: "*1\rx", err: "invalid multibulk length"},

	{name: "count before AUTH", input: "*100\r\n", err: "unauthenticated multibulk length", limits: UnauthenticatedLimits},
	{name: "invalid count before AUTH", input: "*20000000\r\n", err: "invalid multibulk length", limits: UnauthenticatedLimits},
	{name: "count at the limit before AUTH", input: "*10\r\n" + strings.Repeat("$1\r\na\r\n", 10), want: strings.TrimSuffix(strings.Repeat(`"a" `, 10), " "), limits: UnauthenticatedLimits},
	{name: "inline before AUTH", input: "a b c d e f g h i j k\r\n", err: "unauthenticated multibulk length", limits: UnauthenticatedLimits},
	{name: "bulk before AUTH", input: "*1\r\n$100000000\r\n", err: "unauthenticated bulk length", limits: UnauthenticatedLimits},
	{name: "bulk at the limit before AUTH", input: "*1\r\n$16384\r\n", limits: UnauthenticatedLimits},
	{name: "bulk one over the limit before AUTH", input: "*1\r\n$16385\r\n", err: "unauthenticated bulk length", limits: UnauthenticatedLimits},
	{name: "invalid bulk before AUTH", input: "*1\r\n$-1\r\n", err: "invalid bulk length", limits: UnauthenticatedLimits},
	{name: "nonsense bulk before AUTH", input: "*1\r\n$9223372036854775807\r\n", err: "invalid bulk length", limits: UnauthenticatedLimits},

	{name: "largest bulk", input: "*1\r\n$9223372036854775807\r\n", err: "invalid bulk length"},
	{name: "bulk that overflows with CRLF", input: "*1\r\n$9223372036854775805\r\n", err: "invalid bulk length"},
	{name: "bulk of 2^31", input: "*1\r\n$2147483648\r\n", err: "invalid bulk length"},
	{name: "bulk of 2^32", input: "*1\r\n$4294967296\r\n", err: "invalid bulk length"},
	{name: "bulk at the limit", input: fmt.Sprintf("*1\r\n$%d\r\n", DefaultLimits().BulkBytesMax)},
	{name: "bulk one over the limit", input: fmt.Sprintf("*1\r\n$%d\r\n", DefaultLimits().BulkBytesMax+1), err: "invalid bulk length"},
	{name: "bulk -10", input: prefixed("$-10"), err: "invalid bulk length"},
	{name: "bulk -1", input: prefixed("$-1"), err: "invalid bulk length"},
	{name: "bulk text", input: prefixed("$blabla"), err: "invalid bulk length"},
	{name: "bulk plus", input: prefixed("$+5"), err: "invalid bulk length"},
	{name: "bulk space", input: prefixed("$ 5"), err: "invalid bulk length"},
	{name: "bulk zero first", input: prefixed("$05"), err: "invalid bulk length"},
	{name: "bulk empty", input: prefixed("$"), err: "invalid bulk length"},
	{name: "bulk NUL", input: prefixed("$\x00"), err: "invalid bulk length"},
	{name: "inline in array", input: "*1\r\nfoo\r\n", err: "expected '$', got 'f'"},
	{name: "inline after bulks", input: prefixed("fooz"), err: "expected '$', got 'f'"},
	{name: "line end in array", input: "*1\r\n\r\n", err: `expected '$', got '\x0d'`},

	{name: "bulk longer than declared", input: "*1\r\n$4\r\nPINGG\r\n", err: "expected CRLF after bulk"},
	{name: "bulk shorter than declared", input: "*1\r\n$4\r\nPIN\r\n*1\r\n", err: "expected CRLF after bulk"},
	{name: "bulk without CRLF", input: "*2\r\n$4\r\nPING$1\r\n", err: "expected CRLF after bulk"},
	{name: "bulk ended by line feed", input: "*1\r\n$4\r\nPING\n", err: "expected CRLF after bulk"},
	{name: "bulk ended by carriage return", input: "*1\r\n$4\r\nPING\r\r", err: "expected CRLF after bulk"},
	{name: "length line without line feed", input: "*1\r\n$4\r4PING\r\n", err: "invalid bulk length"},

	{name: "endless count", input: "*\x00" + strings.Repeat("A", 64<<10), err: "too big mbulk count string"},
	{name: "endless length", input: "*1\r\n$\x00" + strings.Repeat("A", 64<<10), err: "too big bulk count string"},
	{name: "endless inline", input: "\x00" + strings.Repeat("A", 64<<10), err: "too big inline request"},
	{name: "longest inline", input: strings.Repeat("A", 64<<10) + "\n", want: `"` + strings.Repeat("A", 64<<10) + `"`},
	{name: "inline one too long", input: strings.Repeat("A", 64<<10+1) + "\n", err: "too big inline request"},
	{name: "command over the query buffer", input: "*10\r\n" + strings.Repeat("$16384\r\n"+strings.Repeat("v", 16384)+"\r\n", 3) + "$16384\r\n",
		err: "command exceeds the query buffer limit of 65536 bytes", limits: UnauthenticatedLimits},

	{name: "inline", input: "SET  k\tv \r\n", want: `"SET" "k" "v"`},
	{name: "inline ended by line feed", input: "GET k\n", want: `"GET" "k"`},
	{name: "inline double quotes", input: `SET "a b" "\x41\n\r\t\b\a\"\\\q"` + "\n", want: `"SET" "a b" "A\n\r\t\b\a\"\\q"`},
	{name: "inline single quotes", input: `SET 'a b' 'c\'d\n'` + "\n", want: `"SET" "a b" "c'd\\n"`},
	{name: "inline quote inside of a word", input: `SET ab"c d"` + "\n", want: `"SET" "abc d"`},
	{name: "inline empty arguments", input: `SET "" ''` + "\n", want: `"SET" "" ""`},
	{name: "inline broken hex", input: `SET "\x4" "\xg1"` + "\n", want: `"SET" "x4" "xg1"`},
	{name: "inline open quote", input: "SET \"a\r\n", err: "unbalanced quotes in request"},
	{name: "inline open single quote", input: "SET 'a\r\n", err: "unbalanced quotes in request"},
	{name: "inline ends in backslash", input: `SET "a\` + "\n", err: "unbalanced quotes in request"},
	{name: "inline text after quote", input: `SET "a"b` + "\n", err: "unbalanced quotes in request"},

	{name: "half a command", input: "*2\r\n$3\r\nGET\r\n$1\r\n"},
	{name: "only a count", input: "*2\r\n"},
	{name: "half a line", input: "PIN"},
	{name: "command, then half of one", input: ping + "*1\r", want: `"PING"`},

	{name: "map as request", input: "%1\r\n", err: "expected '*', got '%'"},
	{name: "set as request", input: "~1\r\n", err: "expected '*', got '~'"},
	{name: "push as request", input: ">1\r\n", err: "expected '*', got '>'"},
	{name: "null as request", input: "_\r\n", err: "expected '*', got '_'"},
	{name: "big number as request", input: "(1\r\n", err: "expected '*', got '('"},
	{name: "bool as request", input: "#t\r\n", err: "expected '*', got '#'"},
	{name: "bulk as request", input: "$4\r\nPING\r\n", err: "expected '*', got '$'"},
	{name: "error as request", input: "-ERR\r\n", err: "expected '*', got '-'"},
	{name: "nested arrays", input: strings.Repeat("*1\r\n", 1000), err: "expected '$', got '*'"},

	{name: "empty, valid, broken", input: "*0\r\n" + ping + "*-1\r\n\r\n" + ping + "*1\r\n$x\r\n" + ping, want: `"PING"|"PING"`, err: "invalid bulk length"},
	{name: "empty requests, then broken count", input: "*0\r\n*-1\r\n*x\r\n", err: "invalid multibulk length"},

	{name: "HTTP", input: "POST / HTTP/1.1\r\nHost: x\r\n", err: "HTTP request on a RESP port"},
	{name: "HTTP, lower case", input: "post /\r\n", err: "HTTP request on a RESP port"},
	{name: "HTTP header", input: "GET /\r\nHost: x\r\n", want: `"GET" "/"`, err: "HTTP request on a RESP port"},
	{name: "POST as argument", input: "ECHO POST\r\n", want: `"ECHO" "POST"`},
	{name: "TLS", input: "\x16\x03\x01\x02\x00\x01", err: "TLS handshake on a port without TLS"},
}

func show(commands [][]string) string {
	texts := make([]string, len(commands))
	for i, args := range commands {
		texts[i] = strings.Trim(fmt.Sprintf("%q", args), "[]")
	}
	return strings.Join(texts, "|")
}

// Whole, byte by byte, and in two pieces at every place, with arguments kept or released: the outcome is the same.
func TestEveryRequestHasOneOutcomeHoweverItIsSplit(t *testing.T) {
	for _, row := range corpus {
		t.Run(row.name, func(t *testing.T) {
			limits := DefaultLimits()
			if row.limits != nil {
				limits = row.limits()
			}
			wantErr := row.err
			if wantErr != "" {
				wantErr = "Protocol error: " + wantErr
			}
			check := func(how string, next func() int, keep func() bool) {
				t.Helper()
				commands, err := drive(t, row.input, limits, next, keep)
				if got := show(commands); got != row.want || err != wantErr {
					t.Fatalf("%s: got %.200s and %q, want %.200s and %q", how, got, err, row.want, wantErr)
				}
			}
			check("whole", atOnce, never)
			check("byte by byte, released", byteByByte, never)
			check("byte by byte, kept", byteByByte, always)
			step := max(1, len(row.input)/500)
			for at := 1; at < len(row.input); at += step {
				check(fmt.Sprintf("split at %d", at), splitAt(at), never)
				check(fmt.Sprintf("split at %d, kept", at), splitAt(at), always)
			}
			if commands, err := reference(row.input, limits); show(commands) != row.want || err != wantErr {
				t.Fatalf("the model disagrees: got %.200s and %q", show(commands), err)
			}
		})
	}
}

func TestErrorsOfOtherProtocolsCanBeToldApart(t *testing.T) {
	for input, want := range map[string]*ProtocolError{"POST /\n": ErrCrossProtocol, "host: x\n": ErrCrossProtocol, "\x16": ErrTLSOnPlainPort} {
		r := NewReader(strings.NewReader(input), DefaultLimits())
		if err := r.Fill(); err != nil {
			t.Fatal(err)
		}
		_, _, err := r.Next()
		var perr *ProtocolError
		if !errors.Is(err, want) || !errors.As(err, &perr) {
			t.Errorf("%q: got %v, want %v", input, err, want)
		}
	}
}

func TestProtocolErrorIsAnsweredInRedisWords(t *testing.T) {
	got := string(errInvalidBulk.Reply().Append(nil, 2))
	if want := "-ERR Protocol error: invalid bulk length\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimitsChangeBetweenCommands(t *testing.T) {
	big := AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 20000))
	r := NewReader(strings.NewReader("AUTH secret\r\n"+string(big)), UnauthenticatedLimits())
	var got [][]string
	for len(got) < 2 {
		args, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if err := r.Fill(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		words := []string{}
		for _, arg := range args {
			words = append(words, string(arg[:min(len(arg), 8)]))
		}
		got = append(got, words)
		r.SetLimits(DefaultLimits())
	}
	if want := [][]string{{"AUTH", "secret"}, {"SET", "k", "vvvvvvvv"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimitsNotSetAreTheDefaults(t *testing.T) {
	if got := (Limits{}).withDefaults(); got != DefaultLimits() {
		t.Errorf("got %+v, want %+v", got, DefaultLimits())
	}
	large := LimitsForValues(1 << 62)
	if large.BulkBytesMax > limitBytesCeiling || large.QueryBufferBytesMax > limitBytesCeiling {
		t.Errorf("limits for huge values exceed what offsets hold: %+v", large)
	}
}
