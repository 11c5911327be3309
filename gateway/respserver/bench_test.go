package respserver

import (
	"io"
	"net"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

// The question: what does one command cost the server side beside system calls, and how often does it allocate?
// The client of the benchmark allocates nothing, so what is reported is the server's, the executor's and the log's.
func benchmarkCommand(b *testing.B, reply string, pipeline int, words ...string) {
	f := start(b, fixtureConfig{})
	f.dial().want("SET key:000000000001 0123456789012345678901234567890123456789012345678901234567890123", "+OK")
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	var request []byte
	for range pipeline {
		request = resp.AppendCommandStrings(request, words...)
	}
	in := make([]byte, len(reply)*pipeline)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += pipeline {
		if _, err := nc.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, in); err != nil {
			b.Fatal(err)
		}
	}
}

const benchValue = "0123456789012345678901234567890123456789012345678901234567890123"

func BenchmarkGET(b *testing.B) {
	benchmarkCommand(b, "$64\r\n"+benchValue+"\r\n", 1, "GET", "key:000000000001")
}

func BenchmarkGETPipeline16(b *testing.B) {
	benchmarkCommand(b, "$64\r\n"+benchValue+"\r\n", 16, "GET", "key:000000000001")
}

func BenchmarkSET(b *testing.B) {
	benchmarkCommand(b, "+OK\r\n", 1, "SET", "key:000000000001", benchValue)
}

func BenchmarkSETPipeline16(b *testing.B) {
	benchmarkCommand(b, "+OK\r\n", 16, "SET", "key:000000000001", benchValue)
}

func BenchmarkPING(b *testing.B) { benchmarkCommand(b, "+PONG\r\n", 16, "PING") }
