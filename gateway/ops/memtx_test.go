package ops

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// otherType stands for every type that is not a string.
const otherType entry.Type = 200

// memTx is a shard as a plain map, and a journal of what was done to it.
type memTx struct {
	now     int64
	items   map[string]store.Item
	version uint64
	usage   store.Usage
	journal []string
}

var _ Tx = (*memTx)(nil)

// newMemTx is a shard whose clock stands at 1000 ms, with a key "other" of another type.
func newMemTx() *memTx {
	m := &memTx{now: 1000, items: map[string]store.Item{}}
	m.put([]byte("other"), store.Item{Value: []byte("?"), Type: otherType})
	return m
}

func (m *memTx) Now() int64 { return m.now }

func (m *memTx) Get(key []byte) (store.Item, bool) {
	item, ok := m.items[string(key)]
	if !ok || item.Expired(m.now) {
		return store.Item{}, false
	}
	return item, true
}

func (m *memTx) Peek(key []byte) (store.Item, bool) { return m.Get(key) }

// Deletions is for transactions that watch keys, which this is not used for.
func (m *memTx) Deletions() (incarnation, count uint64) { return 0, 0 }

// Usage is what the test says, with the bytes of the key.
func (m *memTx) Usage(key []byte) (store.Usage, bool) {
	item, ok := m.Get(key)
	if !ok {
		return store.Usage{}, false
	}
	usage := m.usage
	usage.Bytes = int64(64 + len(key) + len(item.Value))
	return usage, true
}

func (m *memTx) put(key []byte, item store.Item) uint64 {
	m.version++
	item.Version = m.version
	m.items[string(key)] = item
	return m.version
}

func (m *memTx) Set(key, value []byte, typ entry.Type, expireAt int64) uint64 {
	m.journal = append(m.journal, "set")
	return m.put(key, store.Item{Value: bytes.Clone(value), Type: typ, ExpireAt: expireAt})
}

func (m *memTx) Patch(key []byte, offset int, data []byte) uint64 {
	m.journal = append(m.journal, "patch")
	item, ok := m.Get(key)
	if !ok || offset < 0 || offset > len(item.Value) {
		panic("patch outside the value")
	}
	tail := item.Value[min(len(item.Value), offset+len(data)):]
	item.Value = bytes.Join([][]byte{item.Value[:offset], data, tail}, nil)
	return m.put(key, item)
}

func (m *memTx) Delete(key []byte) bool {
	_, ok := m.Get(key)
	if ok {
		m.journal = append(m.journal, "delete")
		delete(m.items, string(key))
	}
	return ok
}

func (m *memTx) Expire(key []byte, expireAt int64) bool {
	item, ok := m.Get(key)
	if !ok {
		return false
	}
	m.journal = append(m.journal, "expire")
	item.ExpireAt = expireAt
	m.put(key, item)
	if expireAt != 0 && expireAt <= m.now {
		delete(m.items, string(key))
	}
	return true
}

func (m *memTx) Flush([]slot.Range) { clear(m.items) }
