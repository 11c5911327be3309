package executor

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/session"
)

// repeat looks for an earlier attempt of a request with an id, and refuses an id of which nobody can tell whether there was
// one. An attempt whose batch is on its way is found in the overlay, and is waited for like any pending value.
//
// The clock is read behind the look: what is forgotten by then had ended, and the clock says so.
func (e *Executor) repeat(r *Request) *apierr.Error {
	r.found, r.repeated = nil, false
	if r.AllSlots {
		return apierr.New(apierr.KindInvalid, "shard %d: a request about all slots takes no id; not applied", e.cfg.Shard)
	}
	found, saw, ok := e.findDone(r)
	now := e.clock.Now()
	switch {
	case r.Until < now:
		return apierr.New(apierr.KindIDEnded, "shard %d: the request's id has ended %d ms ago; this attempt is not applied, the outcome of earlier ones is unknown, read before you retry with a new id", e.cfg.Shard, now-r.Until)
	case r.Until-now > session.LifeMax:
		return apierr.New(apierr.KindInvalid, "shard %d: the request's id ends in %d ms, at most %d are allowed (limit LifeMax); not applied, draw an id that ends earlier", e.cfg.Shard, r.Until-now, session.LifeMax)
	}
	if ok {
		r.found, r.repeated, e.tx.saw = found, true, saw
	}
	return nil
}

// findDone looks into overlay and table under one hold of the slot.
func (e *Executor) findDone(r *Request) (result []byte, saw BatchID, ok bool) {
	sl := e.store.Slot(r.Slot)
	sl.RLock()
	defer sl.RUnlock()
	if p, pending := e.overlay.slots[r.Slot].done[r.ID]; pending {
		return p.result, p.batch, true
	}
	d, ok := e.store.Sessions().FindLocked(r.Slot, r.ID)
	return d.Result, BatchID{}, ok
}

// remember lets the request's result travel with its effects. The memory for results is bounded but for what is on its way.
func (tx *Tx) remember(r *Request) *apierr.Error {
	e := tx.e
	switch {
	case len(r.Result) > session.ResultBytesMax:
		return apierr.New(apierr.KindTooLarge, "shard %d: the request's result has %d bytes, at most %d are remembered (limit ResultBytesMax); not applied, ask without an id", e.cfg.Shard, len(r.Result), session.ResultBytesMax)
	case e.store.Sessions().Full(len(r.Result)):
		e.tellTime()
		return apierr.New(apierr.KindBusy, "shard %d: too many results of requests with ids are remembered (limits CountMax and BytesMax); not applied, retry later", e.cfg.Shard)
	}
	done := raftfsm.EffectOf(&session.Done{ID: r.ID, Until: r.Until, Result: e.builder.Copy(r.Result)}, e.version)
	tx.done = &done
	return nil
}
