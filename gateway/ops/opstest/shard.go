// Package opstest stands for a shard in tests: its keys are a plain map.
package opstest

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// Shard is an ops.Tx over a map. It is strict about that contract: what it gives is lent and can be spoiled, patches begin
// inside the value, no expiry is negative.
type Shard struct {
	// Clock gives the time, in milliseconds since the Unix epoch.
	Clock func() int64
	// Items are the keys, those that have expired and were not looked at since included.
	Items map[string]store.Item
	// Facts are what Usage tells of every key, but for its bytes.
	Facts store.Usage
	// Journal names every change, in order: set, patch, setfield, deletefield, delete, expire, flush.
	Journal []string

	// Refused is the error of Refuse. What was changed stays: who drives the shard looks at it.
	Refused *apierr.Error

	version uint64
	lent    [][]byte
}

// OtherType stands for every type that is not a string.
const OtherType entry.Type = 200

// OtherItem is what a key of another type holds.
var OtherItem = store.Item{Value: []byte("?"), Type: OtherType}

// New is a shard without keys.
func New(clock func() int64) *Shard { return &Shard{Clock: clock, Items: map[string]store.Item{}} }

// Version is that of the last change.
func (s *Shard) Version() uint64 { return s.version }

// Put gives a key an item, with a version of its own and without a note in the journal.
func (s *Shard) Put(key string, item store.Item) uint64 {
	s.version++
	item.Version = s.version
	s.Items[key] = item
	return s.version
}

// Spoil overwrites every value that was lent, as a store does when it uses its memory again.
func (s *Shard) Spoil() {
	for _, value := range s.lent {
		for i := range value {
			value[i] = '!'
		}
	}
	s.lent = nil
}

// Refuse notes the error.
func (s *Shard) Refuse(err *apierr.Error) { s.Refused = err }

func (s *Shard) Now() int64 { return s.Clock() }

func (s *Shard) Get(key []byte) (store.Item, bool) {
	item, ok := s.live(key)
	if item.Type.HasFields() {
		item.Value = nil
	}
	if ok {
		item.Value = bytes.Clone(item.Value)
		s.lent = append(s.lent, item.Value)
	}
	return item, ok
}

// live is Get without lending.
func (s *Shard) live(key []byte) (store.Item, bool) {
	item, ok := s.Items[string(key)]
	if !ok || item.Expired(s.Now()) {
		delete(s.Items, string(key))
		return store.Item{}, false
	}
	return item, true
}

func (s *Shard) Peek(key []byte) (store.Item, bool) { return s.Get(key) }

// Deletions is for transactions that watch keys, which this is not used for.
func (s *Shard) Deletions() (incarnation, count uint64) { return 0, 0 }

// Usage is Facts with the bytes of the key.
func (s *Shard) Usage(key []byte) (store.Usage, bool) {
	item, ok := s.live(key)
	if !ok {
		return store.Usage{}, false
	}
	usage := s.Facts
	usage.Bytes = int64(64 + len(key) + len(item.Value))
	return usage, true
}

func (s *Shard) did(what string) { s.Journal = append(s.Journal, what) }

func (s *Shard) Set(key, value []byte, typ entry.Type, expireAt int64) uint64 {
	if expireAt < 0 {
		panic(fmt.Sprintf("set %q: expiry %d", key, expireAt))
	}
	if err := entry.CheckPacked(value); typ.HasFields() && err != nil {
		panic(fmt.Sprintf("set %q: %v", key, err))
	}
	s.did("set")
	return s.Put(string(key), store.Item{Value: bytes.Clone(value), Type: typ, ExpireAt: expireAt})
}

func (s *Shard) Patch(key []byte, offset int, data []byte) uint64 {
	item, ok := s.live(key)
	if !ok || offset < 0 || offset > len(item.Value) {
		panic(fmt.Sprintf("patch %q at %d: exists %v, %d bytes", key, offset, ok, len(item.Value)))
	}
	s.did("patch")
	grown := make([]byte, max(len(item.Value), offset+len(data)))
	copy(grown, item.Value)
	copy(grown[offset:], data)
	item.Value = grown
	return s.Put(string(key), item)
}

func (s *Shard) Delete(key []byte) bool {
	_, ok := s.live(key)
	if ok {
		s.did("delete")
		s.version++
		delete(s.Items, string(key))
	}
	return ok
}

func (s *Shard) Expire(key []byte, expireAt int64) bool {
	item, ok := s.live(key)
	if !ok {
		return false
	}
	s.did("expire")
	item.ExpireAt = expireAt
	s.Put(string(key), item)
	_, _ = s.live(key) // an instant that has passed deletes it
	return true
}

func (s *Shard) Flush([]slot.Range) {
	s.did("flush")
	clear(s.Items)
}
