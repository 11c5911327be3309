package respserver

import (
	"bytes"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

var errWatchInMulti = apierr.New(apierr.KindInvalid, "WATCH inside MULTI is not allowed")

// watchList is the keys that a connection watches. All of them are of one slot.
type watchList struct {
	slot slot.ID
	keys []watchedKey
}

// watchedKey is a key with the version it had when it was watched first.
type watchedKey struct {
	key     []byte
	version uint64
}

// versionOf is the version of a key, 0 where it does not exist. A key that was deleted and made again has a new one.
// To look at it is no use of the key.
func versionOf(r ops.Reader, key []byte) uint64 {
	item, ok := r.Peek(key)
	if !ok {
		return 0
	}
	return item.Version
}

// watchKeys notes the versions of keys. Pending changes are among them (PROTOCOL rule 34): the read sees what the
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
	watched := make([]watchedKey, len(keys))
	err = c.readLeader(s, func(r ops.Reader) {
		for i, key := range keys {
			watched[i] = watchedKey{key, versionOf(r, key)}
		}
	})
	if err != nil {
		return errorReply(err)
	}
	c.watch.slot = s
	c.watch.keys = append(c.watch.keys, watched...)
	return resp.OK()
}

// missing returns the keys that are not watched yet; those that are keep the version they have.
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
	c.watch = watchList{}
	return resp.OK()
}
