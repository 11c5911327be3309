package respserver

import (
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

// setAsking is ASKING: the next command may be served where its slot is being handed over to.
func (c *conn) setAsking([][]byte) resp.Value {
	c.asking = true
	return resp.OK()
}

// takeAsking says for the command at hand whether ASKING came directly before it. Inside of MULTI it lasts until the end of
// the transaction (Redis, networking.c, resetClient): client libraries send it before MULTI.
func (c *conn) takeAsking() {
	c.asked = router.NotAsked
	if c.asking {
		c.asked = router.AskedHere
	}
}

// endAsking forgets ASKING once the command behind it was run.
func (c *conn) endAsking() {
	if c.multi == nil && (c.row == nil || c.row.spec.Name != "asking") {
		c.asking = false
	}
}

// redirected makes the ASK that a client can follow of the refusal of a replica that hands the slot over. Where nobody is
// known to lead the other shard, or this node does, the error stays as it is.
func (c *conn) redirected(err *apierr.Error) *apierr.Error {
	if err.Kind != apierr.KindAsk || err.Addr != "" {
		return err
	}
	t, ok := c.server.cfg.Router.Handed(err.Shard)
	if !ok || t.Leader == nil {
		return err
	}
	return apierr.Ask(err.Slot, endpointOf(t.Leader, c.local).String())
}

// handedHere tells whether a replica has refused because it hands the slot over to a shard that this node leads too.
func (c *conn) handedHere(err *apierr.Error) bool {
	if err.Kind != apierr.KindAsk || err.Addr != "" {
		return false
	}
	t, ok := c.server.cfg.Router.Handed(err.Shard)
	return ok && t.Replica != nil
}

// redirect gives the ops of the round that were refused because their slots are handed over the answer that sends the client
// there, or marks them as asked where that is here.
func (c *conn) redirect() {
	for _, e := range c.entries[:c.used] {
		if e.flight == nil || e.op.Err == nil || e.op.Err.Kind != apierr.KindAsk {
			continue
		}
		if e.op.Err = c.redirected(e.op.Err); c.handedHere(e.op.Err) {
			e.asked = router.AskedHere
		}
	}
}
