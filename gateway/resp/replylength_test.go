package resp

import (
	"bytes"
	"testing"
)

var wholeReplies = []string{
	"+OK\r\n", "-ERR no\r\n", ":-12\r\n", "$0\r\n\r\n", "$3\r\na\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(123\r\n",
	"!5\r\nERR x\r\n", "=7\r\ntxt:abc\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "%1\r\n+k\r\n*2\r\n:1\r\n:2\r\n", "~1\r\n+a\r\n", ">2\r\n+x\r\n+y\r\n",
	"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n", "*1\r\n|1\r\n+a\r\n+b\r\n+c\r\n",
}

func TestLengthOfAReplyIsWhatAReaderTakes(t *testing.T) {
	for _, reply := range wholeReplies {
		b := []byte(reply + "+next\r\n")
		if n, ok, err := ReplyLength(b); n != len(reply) || !ok || err != nil {
			t.Errorf("%q: got %d, %v, %v, want %d", reply, n, ok, err, len(reply))
		}
		for cut := range len(reply) {
			if _, ok, err := ReplyLength(b[:cut]); ok || err != nil {
				t.Errorf("%q: got %v, %v", b[:cut], ok, err)
			}
		}
	}
	for _, bad := range []string{"hello\r\n", "$-2\r\n", "$x\r\n", "*99999999999\r\n", "+a\n", "\r\n", "$1\r\nabc\r\n", "!-1\r\n", "*1\r\n?\r\n"} {
		if n, ok, err := ReplyLength([]byte(bad)); err == nil {
			t.Errorf("%q: got %d, %v and no error", bad, n, ok)
		}
	}
	long := append([]byte{'+'}, bytes.Repeat([]byte{'a'}, replyLineBytesMax)...)
	if _, _, err := ReplyLength(long); err == nil {
		t.Error("a line without an end is waited for")
	}
}

// Whatever a reader takes for one reply has the same length here.
func FuzzReplyLength(f *testing.F) {
	for _, reply := range wholeReplies {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok, err := ReplyLength(b)
		if ok && (err != nil || n < 1 || n > len(b)) {
			t.Fatalf("got %d of %d, %v", n, len(b), err)
		}
		r := NewReplyReader(bytes.NewReader(b))
		if _, failed := r.Read(); failed == nil && (!ok || n != len(b)-r.Buffered()) {
			t.Fatalf("%q: got %d, %v, %v; a reader takes %d", b, n, ok, err, len(b)-r.Buffered())
		}
	})
}
