package resp

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
)

// reference cuts a whole input into commands the plain way, with no thought for speed or partial input. It is the model
// that the Reader is compared with.
func reference(input string, l Limits) (commands [][]string, err string) {
	fail := func(text string) ([][]string, string) { return commands, "Protocol error: " + text }
	for input != "" {
		if input[0] != '*' {
			if strings.IndexByte("%~>_(#,=|!$+-:", input[0]) >= 0 {
				return fail("expected '*', got '" + input[:1] + "'")
			}
			if input[0] == 0x16 {
				return commands, ErrTLSOnPlainPort.Text
			}
			line, rest, ended := strings.Cut(input, "\n")
			if len(line) > l.InlineBytesMax {
				return fail("too big inline request")
			}
			if !ended {
				return commands, ""
			}
			words, ok := referenceSplit(strings.TrimSuffix(line, "\r"))
			switch {
			case !ok:
				return fail("unbalanced quotes in request")
			case len(words) > l.ArgsMax && l.unauthenticated && len(words) <= argsMaxDefault:
				return fail("unauthenticated multibulk length")
			case len(words) > l.ArgsMax:
				return fail("invalid multibulk length")
			case len(words) > 0 && (strings.EqualFold(words[0], "post") || strings.EqualFold(words[0], "host:")):
				return commands, ErrCrossProtocol.Text
			case len(words) > 0:
				commands = append(commands, words)
			}
			input = rest
			continue
		}
		at := 1
		count, end, state := referenceLength(input, at, l, "mbulk count")
		switch {
		case state == "partial":
			return commands, ""
		case state == "invalid":
			return fail("invalid multibulk length")
		case state != "":
			return fail(state)
		case count > int64(l.ArgsMax) && l.unauthenticated && count <= argsMaxDefault:
			return fail("unauthenticated multibulk length")
		case count > int64(l.ArgsMax):
			return fail("invalid multibulk length")
		}
		at = end
		var args []string
		for int64(len(args)) < count {
			if at == len(input) {
				return commands, ""
			}
			if input[at] != '$' {
				shown := input[at : at+1]
				if shown < " " || shown > "~" {
					shown = fmt.Sprintf("\\x%02x", shown[0])
				}
				return fail("expected '$', got '" + shown + "'")
			}
			n, end, state := referenceLength(input, at+1, l, "bulk count")
			switch {
			case state == "partial":
				return commands, ""
			case state == "invalid":
				return fail("invalid bulk length")
			case state != "":
				return fail(state)
			case n > int64(l.BulkBytesMax) && l.unauthenticated && n <= 512<<20:
				return fail("unauthenticated bulk length")
			case n < 0 || n > int64(l.BulkBytesMax):
				return fail("invalid bulk length")
			case int64(end)+n+2 > int64(l.QueryBufferBytesMax):
				return fail(fmt.Sprintf("command exceeds the query buffer limit of %d bytes", l.QueryBufferBytesMax))
			}
			rest := input[end:]
			if int64(len(rest)) <= n {
				return commands, ""
			}
			body, tail := rest[:n], rest[n:]
			if tail[0] != '\r' || len(tail) > 1 && tail[1] != '\n' {
				return fail("expected CRLF after bulk")
			}
			if len(tail) < 2 {
				return commands, ""
			}
			args = append(args, body)
			at = end + len(body) + 2
		}
		if len(args) > 0 {
			commands = append(commands, args)
		}
		input = input[at:]
	}
	return commands, ""
}

// referenceLength reads the number at input[at:]; state is "", "partial", "invalid" or a whole error text.
func referenceLength(input string, at int, l Limits, what string) (n int64, end int, state string) {
	text, rest, found := strings.Cut(input[at:], "\r")
	switch {
	case len(text)+1 > l.InlineBytesMax:
		return 0, 0, "too big " + what + " string"
	case !found || rest == "":
		return 0, 0, "partial"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text != strconv.FormatInt(n, 10) || rest[0] != '\n' {
		return 0, 0, "invalid"
	}
	return n, at + len(text) + 2, ""
}

// referenceSplit is sdssplitargs of Redis 7.0 (sds.c), line by line, over a line that ends in a terminator no input has.
func referenceSplit(line string) (words []string, ok bool) {
	const terminator = -1
	at := func(i int) int {
		if i < len(line) {
			return int(line[i])
		}
		return terminator
	}
	space := func(c int) bool { return c == ' ' || c >= 9 && c <= 13 }
	hex := func(c int) bool { return c > 0 && strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) }
	for p := 0; ; {
		for at(p) != terminator && space(at(p)) {
			p++
		}
		if at(p) == terminator {
			return words, true
		}
		var inq, insq, done bool
		var current []byte
		for !done {
			switch {
			case inq && at(p) == '\\' && at(p+1) == 'x' && hex(at(p+2)) && hex(at(p+3)):
				b, _ := strconv.ParseUint(line[p+2:p+4], 16, 8)
				current = append(current, byte(b))
				p += 3
			case inq && at(p) == '\\' && at(p+1) != terminator:
				p++
				c := line[p]
				if i := strings.IndexByte("nrtba", c); i >= 0 {
					c = "\n\r\t\b\a"[i]
				}
				current = append(current, c)
			case inq && at(p) == '"', insq && at(p) == '\'':
				if at(p+1) != terminator && !space(at(p+1)) {
					return nil, false
				}
				done = true
			case (inq || insq) && at(p) == terminator:
				return nil, false
			case insq && at(p) == '\\' && at(p+1) == '\'':
				p++
				current = append(current, '\'')
			case inq || insq:
				current = append(current, line[p])
			case at(p) == ' ' || at(p) == '\n' || at(p) == '\r' || at(p) == '\t' || at(p) == terminator:
				done = true
			case at(p) == '"':
				inq = true
			case at(p) == '\'':
				insq = true
			default:
				current = append(current, line[p])
			}
			if at(p) != terminator {
				p++
			}
		}
		words = append(words, string(current))
	}
}

// pieces is a source that gives its input in the pieces that next asks for, then io.EOF.
type pieces struct {
	input string
	next  func() int
}

func (s *pieces) Read(p []byte) (int, error) {
	if s.input == "" {
		return 0, io.EOF
	}
	n := copy(p, s.input[:min(len(s.input), max(1, s.next()))])
	s.input = s.input[n:]
	return n, nil
}

func atOnce() int     { return math.MaxInt }
func byteByByte() int { return 1 }

func splitAt(n int) func() int {
	first := true
	return func() int {
		if first {
			first = false
			return n
		}
		return math.MaxInt
	}
}

// drive reads the input to its end or first error. keep says before each Fill whether what was returned stays in use;
// whatever is in use is compared with a copy before it is released.
func drive(tb testing.TB, input string, l Limits, next func() int, keep func() bool) (commands [][]string, err string) {
	tb.Helper()
	r := NewReader(&pieces{input, next}, l)
	type lent struct {
		args [][]byte
		want []string
	}
	var inUse []lent
	release := func() {
		for _, c := range inUse {
			for i, arg := range c.args {
				if string(arg) != c.want[i] {
					tb.Fatalf("input %.200q: argument %d changed before Release: got %.80q, want %.80q", input, i, arg, c.want[i])
				}
			}
		}
		inUse = inUse[:0]
	}
	for {
		args, ok, perr := r.Next()
		switch {
		case perr != nil:
			if ok || args != nil {
				tb.Fatalf("input %.200q: a command together with %v", input, perr)
			}
			if _, again, err := r.Next(); again || err != perr {
				tb.Fatalf("input %.200q: after %v Next said %v, %v", input, perr, again, err)
			}
			release()
			return commands, perr.Error()
		case ok:
			words := make([]string, len(args))
			for i, arg := range args {
				words[i] = string(arg)
			}
			commands = append(commands, words)
			inUse = append(inUse, lent{args, words})
			continue
		}
		received := len(input) - len(r.src.(*pieces).input)
		if got, limit := heldBytes(r), 4*received+64<<10; len(inUse) == 0 && got > limit {
			tb.Fatalf("input %.200q: %d bytes held after %d received, want at most %d", input, got, received, limit)
		}
		if !keep() {
			release()
			r.Release()
		}
		if err := r.Fill(); err == io.EOF {
			release()
			return commands, ""
		}
	}
}

// heldBytes is the memory that a Reader owns.
func heldBytes(r *Reader) int { return cap(r.buf) + 8*cap(r.spans) + 24*cap(r.argv) }

func never() bool  { return false }
func always() bool { return true }
