package respserver

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// scanRunsMax is how many runs of slots one SCAN by slot looks at where it finds nothing: each may be a question to another node.
const scanRunsMax = 64

// scanned is what one SCAN has found.
type scanned struct {
	keys []resp.Value
	// seen counts the keys that were looked at, size what those that are asked for take.
	seen int64
	size int
	// refused is the error that another node has answered with, which ends it.
	refused resp.Value
}

// enough tells whether the reply is as long as was asked for.
func (f *scanned) enough(q *command.ScanQuery) bool {
	return f.seen >= min(q.Count, scanCountMax) || f.size >= scanBytesMax
}

func (f *scanned) add(key []byte) {
	f.keys = append(f.keys, resp.Bulk(key))
	f.size += len(key)
}

// scanBySlot is SCAN through the slots by their numbers, wherever each is served when its turn comes. A slot that changes its leader or
// its shard in the middle of a pass keeps its number and its cursors, so a key that stays is given at least once. A server that
// redirects answers for the run of slots that it serves; one that redirects nobody goes on, at other nodes too.
func (c *conn) scanBySlot(q *command.ScanQuery) resp.Value {
	defer c.releaseAsked()
	found, at, more := scanned{keys: []resp.Value{}}, positionOf(q.Cursor), true
	for runs := 0; more && !found.enough(q) && runs < scanRunsMax; runs++ {
		next, goesOn, err := c.scanFrom(at, q, &found)
		if err != nil {
			if runs > 0 {
				break // with what there is; the next call hears of it, if it is still so
			}
			return errorReply(err)
		}
		if found.refused.IsError() && runs == 0 {
			return found.refused
		}
		owner := c.server.cfg.Router.View().Map.Owner
		stopped := goesOn && owner(next.slot) == owner(at.slot) // in the middle of a run, so it has looked at enough
		if at, more = next, goesOn; stopped || !c.proxied || found.refused.IsError() {
			break
		}
	}
	return scanReply(at, more, found.keys)
}

// keysBySlot is KEYS through the slots by their numbers, to the end.
func (c *conn) keysBySlot(q *command.ScanQuery) resp.Value {
	defer c.releaseAsked()
	q.Count = scanCountMax
	keys, left := []resp.Value{}, c.server.limits.OutputBufferBytesMax
	for at, more := (scanPosition{}), true; more; {
		var found scanned
		var err *apierr.Error
		switch at, more, err = c.scanFrom(at, q, &found); {
		case err != nil:
			return errorReply(err)
		case found.refused.IsError():
			return found.refused
		}
		keys = append(keys, found.keys...)
		if left -= found.size + len(found.keys)*ops.ValueOverheadBytes; left < 0 {
			return tooLarge(c.server.limits.OutputBufferBytesMax)
		}
		c.releaseAsked()
	}
	return resp.Array(keys...)
}

// scanFrom goes on at a position where its slot is served, and says where to go on after that.
func (c *conn) scanFrom(at scanPosition, q *command.ScanQuery, found *scanned) (next scanPosition, more bool, err *apierr.Error) {
	c.arrived = time.Now()
	asked := c.asked
	for attempt := 0; ; attempt++ {
		replica, err := c.target(at.slot, asked)
		if err != nil {
			return at, true, c.redirected(err)
		}
		if _, elsewhere := replica.(router.Remote); elsewhere {
			next, more, err = c.scanElsewhere(replica, at, q, found)
		} else {
			next, more, err = c.scanRun(replica, at, q, found)
		}
		if err == nil {
			return next, more, nil
		}
		err = c.redirected(err)
		if asked == router.NotAsked && c.handedHere(err) {
			asked = router.AskedHere
			continue
		}
		if !isMoved(err) || !c.pauseReroute(attempt) {
			return at, true, err
		}
	}
}

// scanRun goes through slots as far as a replica here serves them. Its first read waits until the replica surely leads: whatever was
// there before the command came is seen then.
func (c *conn) scanRun(replica router.Replica, at scanPosition, q *command.ScanQuery, found *scanned) (next scanPosition, more bool, _ *apierr.Error) {
	more = true
	for first := true; more && (first || !found.enough(q)); first = false {
		var step []foundKey
		cursor, err := c.scanSlot(replica, at.slot, at.cursor, &step)
		if err != nil {
			if first {
				return at, true, apierr.Of(err)
			}
			return at, true, nil
		}
		found.seen += int64(len(step))
		for _, f := range step {
			if q.Match(f.key) && (q.Type == "" || strings.EqualFold(q.Type, f.typ)) {
				found.add(f.key)
			}
		}
		if at.cursor = cursor; cursor == 0 {
			at, more = passEmpty(replica, int(at.slot)+1)
		}
	}
	return at, more, nil
}

// ended is a context that is over.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// passEmpty is the begin of the next slot from s on that has keys, or that the replica does not serve; more is false where there is none.
func passEmpty(replica router.Replica, s int) (at scanPosition, more bool) {
	for ; s < slot.Count; s++ {
		if id := slot.ID(s); replica.HasKeys(id) || replica.AwaitOwned(ended, id) != nil {
			return scanPosition{slot: id}, true
		}
	}
	return scanPosition{}, false
}

// scanElsewhere has the node that serves a slot go through its run of slots.
func (c *conn) scanElsewhere(replica router.Replica, at scanPosition, q *command.ScanQuery, found *scanned) (next scanPosition, more bool, _ *apierr.Error) {
	reply, err := c.askAt(replica, at.slot, q.Command(at.number(), q.Count-found.seen))
	switch {
	case err != nil:
		return at, true, err
	case reply.IsError():
		found.refused = reply
		return at, true, nil
	}
	parts, ok := elemsIn(reply)
	if !ok || len(parts) != 2 {
		return at, true, errScanReply
	}
	cursor, ok := bulkIn(parts[0])
	keys, isArray := elemsIn(parts[1])
	n, parse := strconv.ParseUint(string(cursor), 10, 64)
	if !ok || !isArray || parse != nil {
		return at, true, errScanReply
	}
	for _, key := range keys {
		k, ok := bulkIn(key)
		if !ok {
			return at, true, errScanReply
		}
		found.add(k)
	}
	found.seen += int64(len(keys))
	return positionOf(n), n != 0, nil
}

var errScanReply = apierr.New(apierr.KindInternal, "a node has answered SCAN otherwise than expected; all nodes have to run a version that knows BYSLOT")

// askAt sends a command that only reads to the replica elsewhere that serves a slot.
func (c *conn) askAt(replica router.Replica, s slot.ID, words [][]byte) (resp.Value, *apierr.Error) {
	e := c.newEntry()
	defer func() {
		e.reset()
		c.used--
	}()
	e.op.Slot, e.op.ReadOnly, e.op.Command = s, true, words
	c.flightFor(replica).add(e)
	c.submit()
	c.wait()
	return e.reply, e.op.Err
}

// releaseAsked gives back the room that replies to askAt took. Nothing else of the round is open.
func (c *conn) releaseAsked() {
	c.arrived = time.Now()
	c.budget.Store(int64(c.server.limits.OutputBufferBytesMax))
	c.releaseReplies()
}

// bulkIn is the text that a reply is.
func bulkIn(v resp.Value) ([]byte, bool) {
	if v.Kind != resp.KindRaw {
		return v.Str, v.Kind == resp.KindBulk
	}
	line := bytes.IndexByte(v.Str, '\n')
	if line < 0 || v.Str[0] != '$' || len(v.Str) < line+3 {
		return nil, false
	}
	return v.Str[line+1 : len(v.Str)-2], true
}
