package command

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// otherType stands for every type that is not a string.
const otherType entry.Type = 200

// memTx is a shard as a plain map. It is strict about the contract of ops.Tx: values are lent until the call is over
// and then spoiled, patches begin inside the value, deleting is never the expiry zero.
type memTx struct {
	now     func() int64
	items   map[string]store.Item
	version uint64
	usage   store.Usage
	changes int
	lent    [][]byte
	// patches counts calls of Patch.
	patches int
}

var _ ops.Tx = (*memTx)(nil)

func newMemTx(now func() int64) *memTx { return &memTx{now: now, items: map[string]store.Item{}} }

func (m *memTx) Now() int64 { return m.now() }

func (m *memTx) Get(key []byte) (store.Item, bool) {
	item, ok := m.live(key)
	if ok {
		item.Value = bytes.Clone(item.Value)
		m.lent = append(m.lent, item.Value)
	}
	return item, ok
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

// live is Get without lending.
func (m *memTx) live(key []byte) (store.Item, bool) {
	item, ok := m.items[string(key)]
	if !ok || item.Expired(m.now()) {
		delete(m.items, string(key))
		return store.Item{}, false
	}
	return item, true
}

func (m *memTx) Set(key, value []byte, typ entry.Type, expireAt int64) uint64 {
	if expireAt < 0 {
		panic(fmt.Sprintf("set %q: expiry %d", key, expireAt))
	}
	return m.put(key, store.Item{Value: bytes.Clone(value), Type: typ, ExpireAt: expireAt})
}

func (m *memTx) put(key []byte, item store.Item) uint64 {
	m.version++
	m.changes++
	item.Version = m.version
	m.items[string(key)] = item
	return m.version
}

func (m *memTx) Patch(key []byte, offset int, data []byte) uint64 {
	item, ok := m.live(key)
	if !ok || offset < 0 || offset > len(item.Value) {
		panic(fmt.Sprintf("patch %q at %d: exists %v, %d bytes", key, offset, ok, len(item.Value)))
	}
	m.patches++
	grown := make([]byte, max(len(item.Value), offset+len(data)))
	copy(grown, item.Value)
	copy(grown[offset:], data)
	item.Value = grown
	return m.put(key, item)
}

func (m *memTx) Delete(key []byte) bool {
	_, ok := m.live(key)
	if ok {
		m.changes++
		m.version++
		delete(m.items, string(key))
	}
	return ok
}

func (m *memTx) Expire(key []byte, expireAt int64) bool {
	item, ok := m.live(key)
	switch {
	case !ok:
	case expireAt != 0 && expireAt <= m.now():
		m.Delete(key)
	default:
		item.ExpireAt = expireAt
		m.put(key, item)
	}
	return ok
}

func (m *memTx) Flush([]slot.Range) {
	m.changes++
	clear(m.items)
}

// run answers one command as a server does that holds all keys, checking what Parse and its calls promise.
func (m *memTx) run(t *Table, args ...string) (resp.Value, error) {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	spec, err := t.Lookup(raw)
	if err != nil {
		return errorReply(err)
	}
	if spec.Parse == nil {
		if spec.Name == "command" || spec.Parent == "command" {
			return t.CommandReply(raw), nil
		}
		return resp.Value{}, fmt.Errorf("%s has no Parse", spec.Name)
	}
	before := m.changes
	call, err := spec.Parse(raw)
	if m.changes != before {
		return resp.Value{}, fmt.Errorf("parsing %q changed data", args)
	}
	if err != nil {
		return errorReply(err)
	}
	if got, want := fmt.Sprintf("%q", call.Keys), fmt.Sprintf("%q", spec.Keys(raw)); got != want {
		return resp.Value{}, fmt.Errorf("%q: keys of the call %s, of the table %s", args, got, want)
	}
	if (call.Read == nil) == (call.Write == nil) || (call.Write != nil) != spec.Flag(Write) {
		return resp.Value{}, fmt.Errorf("%q: one of Read and Write must be set, as the flags say", args)
	}
	m.lent = nil
	var reply resp.Value
	if call.Read != nil {
		reply = call.Read(m)
	} else {
		reply = call.Write(m)
	}
	for _, value := range m.lent {
		for i := range value {
			value[i] = '!'
		}
	}
	if m.changes != before && (reply.IsError() || call.Read != nil) {
		return resp.Value{}, fmt.Errorf("%q: reply %q, yet data has changed", args, reply.Str)
	}
	return reply, nil
}

func errorReply(err error) (resp.Value, error) {
	if e, ok := err.(*apierr.Error); ok {
		return resp.Err(e.RESP()), nil
	}
	return resp.Value{}, fmt.Errorf("error is a %T, not an *apierr.Error: %w", err, err)
}

// otherItem is what a key of another type holds.
var otherItem = store.Item{Value: []byte("?"), Type: otherType}
