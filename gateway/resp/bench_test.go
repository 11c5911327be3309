package resp

import (
	"bytes"
	"testing"
)

// repeat is a source that gives the same bytes again and again, as a client with a pipeline does.
type repeat struct {
	data []byte
	at   int
}

func (s *repeat) Read(p []byte) (int, error) {
	n := copy(p, s.data[s.at:])
	s.at = (s.at + n) % len(s.data)
	return n, nil
}

// readBatch reads n commands, releasing after every batch as the server does.
func readBatch(tb testing.TB, r *Reader, n int) {
	for n > 0 {
		args, ok, err := r.Next()
		switch {
		case err != nil:
			tb.Fatal(err)
		case ok:
			n--
			if len(args) == 0 {
				tb.Fatal("a command without arguments")
			}
		default:
			r.Release()
			if err := r.Fill(); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// What does parsing cost of the 0.6 us that a pipelined request may take in all?
func BenchmarkParsePipelinedSet(b *testing.B) {
	set := AppendCommandStrings(nil, "SET", "key:000000012345", string(make([]byte, 64)))
	r := NewReader(&repeat{data: bytes.Repeat(set, 16)}, DefaultLimits())
	b.SetBytes(int64(len(set)))
	b.ReportAllocs()
	b.ResetTimer()
	readBatch(b, r, b.N)
}

func BenchmarkParseBigBulk(b *testing.B) {
	set := AppendCommandStrings(nil, "SET", "key:000000012345", string(make([]byte, 1<<20)))
	r := NewReader(&repeat{data: set}, DefaultLimits())
	b.SetBytes(int64(len(set)))
	b.ReportAllocs()
	b.ResetTimer()
	readBatch(b, r, b.N)
}

func BenchmarkAppendBulk(b *testing.B) {
	value := Bulk(make([]byte, 64))
	dst := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		dst = value.Append(dst[:0], 2)
	}
}
