package script

import (
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

// BenchmarkLockRelease asks what a script costs beside its commands: that of a lock, the shortest that is used much.
func BenchmarkLockRelease(b *testing.B) {
	s, err := Compile([]byte(`if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end`))
	if err != nil {
		b.Fatal(err)
	}
	env := &Env{Keys: [][]byte{[]byte("lock")}, Args: [][]byte{[]byte("token")}, Call: func(args [][]byte) resp.Value {
		if string(args[0]) == "get" {
			return resp.BulkString("token")
		}
		return resp.Int(1)
	}}
	b.ReportAllocs()
	for b.Loop() {
		if v, err := s.Run(env); err != nil || v.Int != 1 {
			b.Fatal(v, err)
		}
	}
}
