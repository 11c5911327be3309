package ops

import "github.com/holtcache/holt/gateway/ops/opstest"

// memTx is a shard whose clock stands where the test says.
type memTx struct {
	*opstest.Shard
	now int64
}

var _ Tx = (*memTx)(nil)

// newMemTx is a shard whose clock stands at 1000 ms, with a key "other" of another type.
func newMemTx() *memTx {
	m := &memTx{now: 1000}
	m.Shard = opstest.New(func() int64 { return m.now })
	m.Put("other", opstest.OtherItem)
	return m
}
