package respserver

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// scanSlotBits is how much of a cursor is the slot. What is above is the cursor in the slot, whose size is that of the slot's
// table, so that cursors stay below 2^53 and survive clients that keep them as a double.
const scanSlotBits = 14

// scanCountMax bounds what one SCAN looks at, whatever COUNT says.
const scanCountMax = 1 << 16

// scanBytesMax is from where on a reply of SCAN is long enough, as keys may be long.
const scanBytesMax = 1 << 20

// scanPosition is where a pass through the keys of this node stands.
type scanPosition struct {
	slot   slot.ID
	cursor uint64
}

func positionOf(cursor uint64) scanPosition {
	return scanPosition{slot: slot.ID(cursor % slot.Count), cursor: cursor >> scanSlotBits}
}

// number is the position as a client keeps it: 0 is the begin.
func (p scanPosition) number() uint64 { return p.cursor<<scanSlotBits | uint64(p.slot) }

// foundKey is a key that a pass has come to.
type foundKey struct {
	key []byte
	typ string
}

// scan is SCAN: through the slots that this node leads, one after another, in steps of a slot's table. A slot that begins to be
// led here, or ceases to, in the middle of a pass may be missed by it, as in Redis Cluster.
func (c *conn) scan(args [][]byte) resp.Value {
	if c.proxied {
		return errProxied("SCAN", "scan each node that leads shards")
	}
	q, err := command.ParseScan(args)
	if err != nil {
		return errorReply(err)
	}
	keys, seen, size := []resp.Value{}, int64(0), 0
	at, more := positionOf(q.Cursor), true
	for more && seen < min(q.Count, scanCountMax) && size < scanBytesMax {
		var found []foundKey
		var refused *apierr.Error
		if found, at, more, refused = c.scanStep(at); refused != nil {
			return errorReply(refused)
		}
		seen += int64(len(found))
		for _, f := range found {
			if q.Match(f.key) && (q.Type == "" || strings.EqualFold(q.Type, f.typ)) {
				keys = append(keys, resp.Bulk(f.key))
				size += len(f.key)
			}
		}
	}
	next := uint64(0)
	if more {
		next = at.number()
	}
	c.arrived = time.Now()
	return resp.Array(resp.BulkString(strconv.FormatUint(next, 10)), resp.Array(keys...))
}

// keys is KEYS: SCAN to the end.
func (c *conn) keys(args [][]byte) resp.Value {
	q := command.KeysQuery(args[1])
	keys, left := []resp.Value{}, c.server.limits.OutputBufferBytesMax
	for at, more := (scanPosition{}), true; more; {
		var found []foundKey
		var refused *apierr.Error
		if found, at, more, refused = c.scanStep(at); refused != nil {
			return errorReply(refused)
		}
		for _, f := range found {
			if !q.Match(f.key) {
				continue
			}
			keys = append(keys, resp.Bulk(f.key))
			if left -= len(f.key) + ops.ValueOverheadBytes; left < 0 {
				return tooLarge(c.server.limits.OutputBufferBytesMax)
			}
		}
	}
	c.arrived = time.Now()
	return resp.Array(keys...)
}

// scanStep gives the keys of the next step that has any, or those of a slot's last one, and where to go on; more is false at the
// end. It waits for a slot that is just being handed over, and skips what has gone.
func (c *conn) scanStep(at scanPosition) (found []foundKey, next scanPosition, more bool, refused *apierr.Error) {
	began, leading := time.Now(), c.server.cfg.Router.Leading()
	for s := int(at.slot); s < slot.Count; {
		replica, here := withKeys(leading, slot.ID(s))
		if !here {
			s++
			at = scanPosition{slot: slot.ID(s % slot.Count)}
			continue
		}
		cursor, err := c.scanSlot(replica, slot.ID(s), at.cursor, &found)
		if err != nil {
			if time.Since(began) > router.HoldMax || c.server.isStopping() {
				return nil, at, false, apierr.New(apierr.KindTryAgain, "slot %d is being handed over; ask again with the same cursor", s)
			}
			c.arrived = began
			c.pauseReroute(1)
			leading = c.server.cfg.Router.Leading()
			continue
		}
		next = scanPosition{slot: slot.ID(s), cursor: cursor}
		if cursor == 0 {
			if s++; s == slot.Count {
				return found, next, false, nil
			}
			next = scanPosition{slot: slot.ID(s)}
		}
		return found, next, true, nil
	}
	return nil, at, false, nil
}

// withKeys is that of the replicas that has keys of a slot. What the replicas say decides, not the slot map.
func withKeys(leading []router.Replica, id slot.ID) (router.Replica, bool) {
	for _, replica := range leading {
		if replica.HasKeys(id) {
			return replica, true
		}
	}
	return nil, false
}

// scanSlot reads one step of a slot. The keys are copied.
func (c *conn) scanSlot(replica router.Replica, s slot.ID, cursor uint64, found *[]foundKey) (next uint64, err error) {
	ctx := c.direct.ctx.until(time.Now().Add(router.CommitMax))
	err = replica.Read(ctx, s, router.ReadLease, func(r ops.Reader) {
		*found = (*found)[:0]
		next = r.(ops.Scanner).Scan(cursor, func(key []byte, item store.Item) {
			*found = append(*found, foundKey{key: append([]byte(nil), key...), typ: item.Type.String()})
		})
	})
	return next, err
}

// randomKeyTries is how often RANDOMKEY looks for a key that is still there.
const randomKeyTries = 100

// randomKey is RANDOMKEY: a slot by how many keys it has, one step of its table, one key of that.
func (c *conn) randomKey([][]byte) resp.Value {
	if c.proxied {
		return errProxied("RANDOMKEY", "ask a node that leads shards")
	}
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
