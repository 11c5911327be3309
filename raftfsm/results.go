package raftfsm

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/raftfsm/store"
)

// applyEffectsLocked applies effects on a slot: those on keys to the store, results of requests to the table beside it. now is
// the shard's time: what has ended by then need not be remembered.
func (f *FSM) applyEffectsLocked(sl *store.Slot, id slot.ID, effects []entry.Effect, now int64) {
	for i := range effects {
		if e := &effects[i]; e.Kind == entry.EffectDone {
			f.store.Sessions().PutLocked(id, ResultOf(e), now)
		} else {
			sl.ApplyLocked(e)
		}
	}
}

// ResultOf reads the result of a request out of its effect, in memory of its own.
func ResultOf(e *entry.Effect) session.Done {
	return session.Done{ID: session.ID{Client: e.Client, Sequence: e.Sequence}, Until: e.ExpireAt, Result: bytes.Clone(e.Value)}
}

// EffectOf is the effect by which a result is remembered. It shares the result's memory.
func EffectOf(d *session.Done, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectDone, Client: d.ID.Client, Sequence: d.ID.Sequence, ExpireAt: d.Until, Value: d.Result, Version: version}
}

// Digest is a number that is equal on replicas that hold the same: keys, states of slots, hand-overs, results of requests.
// Each slot is of a moment of its own.
func Digest(st *store.Store, s State) uint64 {
	sum := st.Digest() + s.Digest()
	for id := range slot.ID(slot.Count) {
		sl := st.Slot(id)
		sl.RLock()
		sum += st.Sessions().DigestLocked(id, s.Time)
		sl.RUnlock()
	}
	return sum
}
