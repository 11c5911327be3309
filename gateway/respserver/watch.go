package respserver

import (
	"bytes"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

var errWatchMoved = apierr.New(apierr.KindTryAgain, "the slot of the watched keys has changed hands; UNWATCH, and begin again")

var errWatchInMulti = apierr.New(apierr.KindInvalid, "WATCH inside MULTI is not allowed")

// watchList is the keys that a connection watches. All of them are of one slot.
type watchList struct {
	slot slot.ID
	keys []watchedKey
	// by watches the keys where that is another node; their marks here mean nothing then.
	by router.Remote
}

// watchedKey is a key with the mark it had when it was watched first.
type watchedKey struct {
	key  []byte
	mark mark
}

// mark is equal at two moments only if nobody changed the key between them. A key that was deleted and made again has a new
// version, also where its slot was handed over meanwhile. One that is missing has none, so it could have been there meanwhile,
// and have been read, unless no key of its slot was deleted: then it is the deletions of the slot that count, which each shard
// counts for itself.
type mark struct {
	version                uint64
	shard                  slot.ShardID
	incarnation, deletions uint64
}

// markOf looks at a key as a shard holds it, which is no use of the key.
func markOf(r ops.Reader, shard slot.ShardID, key []byte) mark {
	if item, ok := r.Peek(key); ok {
		return mark{version: item.Version}
	}
	incarnation, deletions := r.Deletions()
	return mark{shard: shard, incarnation: incarnation, deletions: deletions}
}

// watchKeys notes the marks of keys. Pending changes are among them (PROTOCOL rule 34): the read sees what the
// executor has evaluated, and is answered when that is committed.
func (c *conn) watchKeys(args [][]byte) resp.Value {
	if c.multi != nil {
		return errorReply(errWatchInMulti)
	}
	s, err := slotOf(args[1:])
	if err == nil && len(c.watch.keys) > 0 && s != c.watch.slot {
		err = errCrossSlot
	}
	if err != nil {
		return errorReply(err)
	}
	keys := c.watch.missing(copyArgs(args[1:]))
	if limit := c.server.limits.WatchedKeysMax; len(c.watch.keys)+len(keys) > limit {
		return errorReply(apierr.New(apierr.KindTooLarge, "a connection may watch %d keys", limit))
	}
	if v, elsewhere := c.watchElsewhere(s, args, keys); elsewhere {
		return v
	}
	watched := make([]watchedKey, len(keys))
	err = c.readLeader(s, func(r ops.Reader, shard slot.ShardID) {
		for i, key := range keys {
			watched[i] = watchedKey{key, markOf(r, shard, key)}
		}
	})
	if err != nil {
		return errorReply(err)
	}
	c.watch.slot = s
	c.watch.keys = append(c.watch.keys, watched...)
	return resp.OK()
}

// missing returns the keys that are not watched yet; those that are keep the mark they have.
func (w *watchList) missing(keys [][]byte) [][]byte {
	known := make(map[string]bool, len(w.keys)+len(keys))
	for i := range w.keys {
		known[string(w.keys[i].key)] = true
	}
	missing := keys[:0]
	for _, key := range keys {
		if !known[string(key)] {
			known[string(key)] = true
			missing = append(missing, bytes.Clone(key))
		}
	}
	return missing
}

func (c *conn) unwatch([][]byte) resp.Value {
	c.endWatch()
	return resp.OK()
}

// endWatch forgets what is watched.
func (c *conn) endWatch() {
	if c.watch.by != nil {
		c.watch.by.Unwatch()
	}
	c.watch = watchList{}
}

// watchElsewhere has the node that leads a slot watch keys; elsewhere=false: that is this one.
func (c *conn) watchElsewhere(s slot.ID, args, keys [][]byte) (v resp.Value, elsewhere bool) {
	if !c.proxied {
		return v, false
	}
	for attempt := 0; ; attempt++ {
		replica, err := c.target(s, c.asked)
		if err != nil {
			return errorReply(err), true
		}
		by, is := replica.(router.Remote)
		if !is {
			if c.watch.by == nil {
				return v, false
			}
			return errorReply(errWatchMoved), true
		}
		if c.watch.by != nil && c.watch.by != by || c.watch.by == nil && len(c.watch.keys) > 0 {
			return errorReply(errWatchMoved), true
		}
		reply, failed := by.Watch(args, c.arrived.Add(router.CommitMax))
		if failed == nil {
			if v = fromElsewhere(reply); !v.IsError() {
				c.watch.slot, c.watch.by = s, by
				for _, key := range keys {
					c.watch.keys = append(c.watch.keys, watchedKey{key: key})
				}
			}
			return v, true
		}
		if err := apierr.Of(failed); c.watch.by != nil || !isMoved(err) || !c.pauseReroute(attempt) {
			return errorReply(err), true
		}
	}
}
