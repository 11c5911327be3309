package respserver

import (
	"math/rand/v2"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// randomKeyTries is how often RANDOMKEY looks for a key that is still there.
const randomKeyTries = 100

// randomKey is RANDOMKEY: a slot by how many keys it has, one step of its table, one key of that.
func (c *conn) randomKey([][]byte) resp.Value {
	if c.proxied {
		return c.randomKeyOfAll()
	}
	return c.randomKeyHere()
}

func (c *conn) randomKeyHere() resp.Value {
	defer func() { c.arrived = time.Now() }()
	for range randomKeyTries {
		found, ok := c.someKeys()
		if !ok {
			break
		}
		if len(found) > 0 {
			return resp.Bulk(found[rand.IntN(len(found))].key)
		}
	}
	for at, more := (scanPosition{}), true; more; { // there may be one that is on its way, or among many that have expired
		var found []foundKey
		var refused *apierr.Error
		if found, at, more, refused = c.scanStep(at); refused != nil {
			return errorReply(refused)
		}
		if len(found) > 0 {
			return resp.Bulk(found[0].key)
		}
	}
	return resp.Null()
}

// someKeys are those of a random step of a random slot; ok is false where there are no keys.
func (c *conn) someKeys() (found []foundKey, ok bool) {
	total := c.server.keysLed()
	if total == 0 {
		return nil, false
	}
	n := rand.IntN(total)
	for _, replica := range c.server.cfg.Router.Leading() {
		if keys := replica.Keys(); n >= keys {
			n -= keys
			continue
		}
		for s := range slot.ID(slot.Count) {
			if n -= replica.KeysInSlot(s); n < 0 {
				_, _ = c.scanSlot(replica, s, rand.Uint64(), &found) // refused: as if there were none
				return found, true
			}
		}
	}
	return nil, true
}

// randomKeyOfAll is RANDOMKEY over all shards: a random slot says who is asked first, so that nodes are asked by how many slots they serve.
func (c *conn) randomKeyOfAll() resp.Value {
	defer c.releaseAsked()
	asked := []slot.ID{slot.ID(rand.IntN(slot.Count))}
	for _, s := range c.server.cfg.Router.View().Shards {
		if len(s.Ranges) > 0 {
			asked = append(asked, s.Ranges[0].First)
		}
	}
	for _, s := range asked {
		if v := c.randomKeyAt(s); v.Kind != resp.KindNull {
			return v
		}
	}
	return resp.Null()
}

// randomKeyAt is RANDOMKEY at the node that serves a slot.
func (c *conn) randomKeyAt(s slot.ID) resp.Value {
	for attempt := 0; ; attempt++ {
		replica, err := c.target(s, router.NotAsked)
		if err != nil {
			return errorReply(err)
		}
		if _, elsewhere := replica.(router.Remote); !elsewhere {
			return c.randomKeyHere()
		}
		reply, err := c.askAt(replica, s, [][]byte{[]byte("RANDOMKEY")})
		switch {
		case err == nil && isNullIn(reply):
			return resp.Null()
		case err == nil:
			return reply
		case !isMoved(err) || !c.pauseReroute(attempt):
			return errorReply(err)
		}
	}
}

// isNullIn tells whether a reply is that there is nothing.
func isNullIn(v resp.Value) bool {
	return v.Kind == resp.KindNull || v.Kind == resp.KindRaw && (string(v.Str) == "$-1\r\n" || string(v.Str) == "_\r\n")
}
