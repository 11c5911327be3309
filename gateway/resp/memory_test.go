package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"weak"
)

// feed lets the Reader have all of the input, without a command in it being complete.
func feed(t *testing.T, r *Reader) {
	t.Helper()
	for {
		if args, ok, err := r.Next(); ok || err != nil {
			t.Fatalf("got command %.100q, error %v, want neither", args, err)
		}
		if err := r.Fill(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	limits := LimitsForValues(1 << 30)
	const sent = 1 << 20
	for name, input := range map[string]string{
		"big bulk":   "*2\r\n$3\r\nSET\r\n$500000000\r\n" + strings.Repeat("v", sent),
		"big inline": strings.Repeat("v", 60<<10),
		"big count":  "*1048576\r\n",
	} {
		src := strings.NewReader(input)
		got := allocatedBytes(func() { feed(t, NewReader(src, limits)) })
		if limit := uint64(4*len(input) + 64<<10); got > limit {
			t.Errorf("%s: %d bytes allocated for %d received, want at most %d", name, got, len(input), limit)
		}
	}
}

// A million empty arguments are the most bookkeeping that a byte can ask for.
func TestIncompleteCommandHoldsFourBytesPerByte(t *testing.T) {
	var input bytes.Buffer
	input.WriteString("*1048576\r\n")
	for range 1<<20 - 1 {
		input.WriteString("$0\r\n\r\n")
	}
	size := input.Len()
	r := NewReader(&input, DefaultLimits())
	feed(t, r)
	if got, limit := heldBytes(r), 4*size+64<<10; got > limit {
		t.Errorf("%d bytes held after %d received, want at most %d", got, size, limit)
	}
}

func TestCommandOfManyArgumentsIsReadAndThenFreed(t *testing.T) {
	for _, count := range []int{5000, argsMaxDefault} {
		var input bytes.Buffer
		fmt.Fprintf(&input, "*%d\r\n", count)
		for range count {
			input.WriteString("$1\r\na\r\n")
		}
		r := NewReader(&input, DefaultLimits())
		for {
			args, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if len(args) != count {
					t.Errorf("got %d arguments, want %d", len(args), count)
				}
				break
			}
			if err := r.Fill(); err != nil {
				t.Fatal(err)
			}
		}
		r.Release()
		if got, limit := heldBytes(r), bufferBytesKept+24*argvKept+8*spansKept; got > limit {
			t.Errorf("%d arguments: %d bytes held after Release, want at most %d", count, got, limit)
		}
	}
}

// One byte at a time, with all bytes before the one that comes next made useless: a Reader that looked at them again
// would fail. Two million of them, so that one that copied them each time, or recursed, would not come to an end.
func TestReaderNeverLooksBackIntoAPartialCommand(t *testing.T) {
	const size = 2 << 20
	input := "*2\r\n$3\r\nSET\r\n$100000000\r\n" + strings.Repeat("v", size)
	r := NewReader(&pieces{input, byteByByte}, LimitsForValues(200<<20))
	for {
		if _, ok, err := r.Next(); ok || err != nil {
			t.Fatalf("got a command or %v, want neither", err)
		}
		if r.state == atBulk || r.state == inBulk {
			clear(r.buf[max(r.start, r.scan-4):r.scan])
		}
		if err := r.Fill(); err == io.EOF {
			break
		}
	}
	if got := r.Buffered(); got != len(input) {
		t.Errorf("%d bytes buffered, want %d", got, len(input))
	}
}

func TestCopyingIsLinear(t *testing.T) {
	for name, keep := range map[string]func() bool{"released": never, "kept": always} {
		input := strings.Repeat(string(AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 3000))), 300)
		r := NewReader(&pieces{input, func() int { return 100 }}, DefaultLimits())
		copied := 0
		for {
			if _, ok, err := r.Next(); err != nil {
				t.Fatal(err)
			} else if ok {
				continue
			}
			if !keep() {
				r.Release()
			}
			first, held := r.start, r.Buffered()
			array := cap(r.buf)
			if err := r.Fill(); err == io.EOF {
				break
			}
			if r.start != first || cap(r.buf) != array {
				copied += held
			}
		}
		if copied == 0 || copied > 2*len(input) {
			t.Errorf("%s: %d bytes copied for %d received, want at most twice as many, more than none", name, copied, len(input))
		}
	}
}

func TestReleaseShrinksWhatABigCommandHadGrown(t *testing.T) {
	tail := "*1\r\n$4\r\nPI"
	input := string(AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 4<<20))) + tail
	r := NewReader(io.MultiReader(strings.NewReader(input), strings.NewReader("NG\r\n")), DefaultLimits())
	for {
		args, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok && len(args) == 1 {
			if string(args[0]) != "PING" {
				t.Errorf("got %q after the big command, want PING", args)
			}
			return
		}
		if !ok && r.Buffered() == len(tail) {
			if len(r.buf) < 4<<20 {
				t.Fatalf("buffer of %d bytes held 4 MiB", len(r.buf))
			}
			r.Release()
			if got := heldBytes(r); got > bufferBytesKept {
				t.Errorf("%d bytes held after Release, want at most %d", got, bufferBytesKept)
			}
		}
		if err := r.Fill(); !ok && err != nil {
			t.Fatal(err)
		}
	}
}

// A command in use keeps its array alive; the Reader must not, once it has gone on to another.
func TestReplacedBufferIsFreed(t *testing.T) {
	big := string(AppendCommandStrings(nil, "SET", "k", strings.Repeat("v", 1<<20)))
	small := strings.Repeat(ping, 1+readBytesFirst/len(ping)) // fills the first buffer, so that a larger one follows
	for name, input := range map[string]string{"big command": big, "growing": small} {
		r := NewReader(strings.NewReader(input+small), DefaultLimits())
		var old weak.Pointer[byte]
		for old == (weak.Pointer[byte]{}) || old == weak.Make(&r.buf[0]) {
			_, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if old == (weak.Pointer[byte]{}) {
					old = weak.Make(&r.buf[0])
				}
				continue
			}
			r.Release()
			if err := r.Fill(); err != nil && old == weak.Make(&r.buf[0]) {
				t.Fatalf("%s: the buffer was not replaced before %v", name, err)
			}
		}
		runtime.GC()
		if old.Value() != nil {
			t.Errorf("%s: the replaced buffer is still in use", name)
		}
		runtime.KeepAlive(r)
	}
}

func TestPipelineIsParsedWithoutAllocation(t *testing.T) {
	const batch = 16
	var pipeline []byte
	for range batch / 2 {
		pipeline = AppendCommandStrings(pipeline, "SET", "key:000000012345", strings.Repeat("v", 64))
		pipeline = AppendCommandStrings(pipeline, "GET", "key:000000012345")
	}
	r := NewReader(&repeat{data: pipeline}, DefaultLimits())
	readBatch(t, r, 1000)
	if got := testing.AllocsPerRun(100, func() { readBatch(t, r, batch) }); got != 0 {
		t.Errorf("%v allocations per %d commands, want 0", got, batch)
	}
}

func TestRepliesAreWrittenWithoutAllocation(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, g := range goldens {
		for _, proto := range []int{2, 3} {
			if got := testing.AllocsPerRun(100, func() { dst = g.value.Append(dst[:0], proto) }); got != 0 {
				t.Errorf("%s, RESP%d: %v allocations, want 0", g.name, proto, got)
			}
		}
	}
}

func TestErrorOfTheSourceComesAfterItsBytes(t *testing.T) {
	r := NewReader(io.MultiReader(&withError{"PI", os.ErrDeadlineExceeded}, strings.NewReader("NG\r\n")), DefaultLimits())
	if err := r.Fill(); err != nil || r.Buffered() != 2 {
		t.Fatalf("got %v with %d bytes buffered, want 2 bytes first", err, r.Buffered())
	}
	if err := r.Fill(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want the time out", err)
	}
	for {
		if args, ok, err := r.Next(); err != nil {
			t.Fatal(err)
		} else if ok {
			if string(args[0]) != "PING" {
				t.Errorf("got %q, want PING", args)
			}
			return
		}
		if err := r.Fill(); err != nil {
			t.Fatal(err)
		}
	}
}

// withError gives all its bytes together with its error, then io.EOF.
type withError struct {
	data string
	err  error
}

func (s *withError) Read(p []byte) (int, error) {
	n, err := copy(p, s.data), s.err
	s.data, s.err = "", io.EOF
	return n, err
}
