package respserver

import (
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/slot"
)

// tracker is a connection as the table of tracked keys knows it: from CLIENT TRACKING ON to OFF.
type tracker struct {
	out  *output
	from *conn
	dead atomic.Bool
	// prefixes are what keys begin with that a tracker in BCAST mode is told of; nil in the other modes, whose keys are in the table.
	prefixes atomic.Pointer[prefixes]
	// redirect is the connection that invalidations go to, nil for the tracker's own.
	redirect atomic.Pointer[conn]

	mu sync.Mutex // protects the field below
	// own are the keys that a NOLOOP connection writes in this round; nil without NOLOOP.
	own map[string]ownWrite
}

// ownWrite is what became of a key that a NOLOOP connection writes.
type ownWrite struct {
	// version is that of the key after the connection's last write of it, as evaluated; 0 where it did not exist then.
	version uint64
	// written: the write was evaluated, version is known.
	written bool
	// changed: a change was applied meanwhile, by whomever. The key is not in the table any more.
	changed bool
}

// broadcasts tells whether the tracker is in BCAST mode.
func (tr *tracker) broadcasts() bool { return tr.prefixes.Load() != nil }

// invalidate tells the client that a key changed; nil means all keys. It runs on the goroutine of a state machine.
func (tr *tracker) invalidate(key []byte) {
	if tr.dead.Load() || key != nil && tr.holdOwn(key) {
		return
	}
	tr.tell(key)
}

// holdOwn keeps an invalidation of a key that the connection itself is writing until it is known whose change it was.
func (tr *tracker) holdOwn(key []byte) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	w, own := tr.own[string(key)]
	if own {
		w.changed = true
		tr.own[string(key)] = w
	}
	return own
}

// noteOwn says that the round is about to write keys with the op of an entry.
func (c *conn) noteOwn(e *entry, keys [][]byte) {
	if !c.track.noLoop {
		return
	}
	tr := c.track.tracker
	e.tracker, e.own = tr, append(e.own, keys...)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, key := range keys {
		if _, known := tr.own[string(key)]; !known {
			tr.own[string(key)] = ownWrite{}
		}
	}
}

// noteVersions records what a write that was just evaluated has left. It runs on the goroutine of an executor, and
// looks keys up without tr.mu, which state machines take while they hold a slot.
func (tr *tracker) noteVersions(tx ops.Tx, keys [][]byte) {
	for _, key := range keys {
		version := versionOf(tx, key)
		tr.mu.Lock()
		w := tr.own[string(key)]
		w.version, w.written = version, true
		tr.own[string(key)] = w
		tr.mu.Unlock()
	}
}

// versionOf is the version of a key, 0 where it does not exist. To look at it is no use of the key.
func versionOf(r ops.Reader, key []byte) uint64 {
	item, ok := r.Peek(key)
	if !ok {
		return 0
	}
	return item.Version
}

// settleOwn decides, once the round's ops have their answers, which of the changes of its own keys were its own. One
// batch may carry writes of several connections to a key and is heard of once, so only the key's version tells.
func (c *conn) settleOwn() {
	tr := c.track.tracker
	tr.mu.Lock()
	own := tr.own
	tr.own = map[string]ownWrite{}
	tr.mu.Unlock()
	for key, w := range own {
		if w.changed && !(w.written && c.holdsVersion([]byte(key), w.version)) {
			tr.tell([]byte(key))
		}
	}
}

// holdsVersion tracks a key again, where the table has those of the connection, and tells whether it still is what the connection has written.
func (c *conn) holdsVersion(key []byte, version uint64) bool {
	if tr := c.track.tracker; !tr.broadcasts() {
		c.server.tracking.register(tr, key)
	}
	var now uint64
	err := c.readLeader(slot.Of(key), func(r ops.Reader, _ slot.ShardID) { now = versionOf(r, key) })
	return err == nil && now == version
}
