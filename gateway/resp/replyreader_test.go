package resp

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// brokenReplies are refused, each by its first reply.
var brokenReplies = []string{
	"\r\n", "?\r\n", "+OK\n", ":\r\n", ":1x\r\n", ":+1\r\n", "_x\r\n", "#x\r\n", "#\r\n", ",x\r\n", ",0x1p3\r\n", "(\r\n", "(1a\r\n", "(-\r\n",
	"$-2\r\n", "$x\r\n", "$?\r\n", "$1000000000\r\n", "$3\r\nabcd\r\n", "$3\r\nabc\nx", "!-1\r\n", "=3\r\ntxt\r\n", "=5\r\ntxt-a\r\n",
	"*-2\r\n", "*?\r\n", "*9223372036854775807\r\n", "%-1\r\n", "%9223372036854775807\r\n", "%4000000\r\n", "~-1\r\n", ">-1\r\n", "|-1\r\n+OK\r\n",
	"*2\r\n:1\r\nx\r\n",
	strings.Repeat("*1\r\n", 100) + ":1\r\n",
	strings.Repeat("*1\r\n|1\r\n", 100),
	"+" + strings.Repeat("x", 70000) + "\r\n",
}

func TestBrokenReplyIsAProtocolErrorForEver(t *testing.T) {
	for _, input := range brokenReplies {
		r := NewReplyReader(strings.NewReader(input + "+OK\r\n"))
		v, err := r.Read()
		var perr *ProtocolError
		if !errors.As(err, &perr) {
			t.Errorf("%.60q: got %v, %v, want a protocol error", input, v, err)
			continue
		}
		if _, again := r.Read(); again != err {
			t.Errorf("%.60q: then got %v, want %v again", input, again, err)
		}
	}
}

func TestRepliesAreReadHoweverTheyAreSplit(t *testing.T) {
	var wire []byte
	for _, g := range goldens {
		wire = g.value.Append(wire, 3)
	}
	for name, src := range map[string]io.Reader{
		"whole":             strings.NewReader(string(wire)),
		"byte by byte":      iotest.OneByteReader(strings.NewReader(string(wire))),
		"error with data":   iotest.DataErrReader(strings.NewReader(string(wire))),
		"half of what fits": iotest.HalfReader(strings.NewReader(string(wire))),
	} {
		r := NewReplyReader(src)
		for _, g := range goldens {
			want := asRead(g.value, 3)
			switch g.name {
			case "map with a key that has no value":
				want = Map(Int(1), Int(2))
			case "unknown kind":
				want = Err("ERR reply of an unknown kind; this is a bug, please report it")
			case "verbatim built without a format":
				want = BulkString("ab")
			}
			if got, err := r.Read(); err != nil || !equal(got, want) {
				t.Fatalf("%s, %s: got %.100v %v, want %.100v", name, g.name, got, err, want)
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("%s: at the end got %v, want EOF", name, err)
		}
	}
}

func TestAttributesAreSkippedAndBlobErrorsAreErrors(t *testing.T) {
	r := NewReplyReader(strings.NewReader("|1\r\n+ttl\r\n|1\r\n:1\r\n:2\r\n:3600\r\n*2\r\n|0\r\n:1\r\n:2\r\n!10\r\nERR a\r\n\r\nb\r\n"))
	if got, err := r.Read(); err != nil || !equal(got, Array(Int(1), Int(2))) {
		t.Errorf("got %v %v, want [1 2]", got, err)
	}
	if got, err := r.Read(); err != nil || !got.IsError() || string(got.Str) != "ERR a\r\n\r\nb" {
		t.Errorf("got %v %v, want a blob error", got, err)
	}
}

func TestReplyThatEndsEarlyIsUnexpectedEOF(t *testing.T) {
	const whole = "*2\r\n$3\r\nabc\r\n%1\r\n+a\r\n:1\r\n"
	for n := 1; n < len(whole); n++ {
		if _, err := NewReplyReader(strings.NewReader(whole[:n])).Read(); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: got %v, want unexpected EOF", whole[:n], err)
		}
	}
}

func TestTimeOutBetweenRepliesCanBeRetried(t *testing.T) {
	r := NewReplyReader(io.MultiReader(&failOnce{err: os.ErrDeadlineExceeded}, strings.NewReader("+OK\r\n")))
	if _, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a time out", err)
	}
	if v, err := r.Read(); err != nil || !equal(v, OK()) {
		t.Errorf("got %v %v, want OK", v, err)
	}
}

// failOnce gives its error, then io.EOF.
type failOnce struct{ err error }

func (f *failOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

func TestDeclaredReplySizesAllocateNothing(t *testing.T) {
	for _, input := range []string{
		"$500000000\r\n" + strings.Repeat("x", 1000),
		strings.Repeat("*4000000\r\n", replyDepthMax),
		strings.Repeat("*100000\r\n", replyDepthMax),
	} {
		src := strings.NewReader(input)
		got := allocatedBytes(func() {
			if _, err := NewReplyReader(src).Read(); err == nil {
				t.Errorf("%.40q: half a reply was read", input)
			}
		})
		if limit := uint64(2*replyLineBytesMax + replyBulkStepBytes + 4*len(input)); got > limit {
			t.Errorf("%.40q: %d bytes allocated, want at most %d", input, got, limit)
		}
	}
}

// allocatedBytes is what f allocates, garbage included. Other goroutines' allocations count too, so tests that use it
// do not run in parallel.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
