package executor

import (
	"math/rand/v2"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

const (
	// evictKeysMax is how many keys are evicted at a time before anything else has its turn: some three
	// milliseconds (go test -bench Write ./shard/executor).
	evictKeysMax = 1000
	// trimKeysMax is the same while no request needs the room: a share of the time, when requests come too.
	trimKeysMax = 250
	// fitTriesMax is how often a request is evaluated at a time, since what is evicted may change what it needs.
	fitTriesMax = 4
	// Room is made for a little more than is needed, so that not every write of a full shard is evaluated twice: at most
	// evictAheadBytes and 1/evictAheadShare of the budget.
	evictAheadBytes = 16 << 10
	evictAheadShare = 1024
)

// room is what became of an attempt to make room.
type room uint8

const (
	roomMade  room = iota
	roomLater      // more can be evicted, after others had their turn
	roomNone       // nothing that the policy allows is left; what is pending is not looked at
)

func (e *Executor) random() uint64 {
	if e.cfg.Random != nil {
		return e.cfg.Random()
	}
	return rand.Uint64()
}

// limit returns the rules of eviction where there is a limit.
func (e *Executor) limit() (*Eviction, bool) {
	ev := e.eviction.Load()
	return ev, ev != nil && ev.BudgetBytes > 0
}

// fit sees to it that what a request was evaluated to write has room. Where it has not, the version counter goes back to
// before, keys are evicted, and the request is evaluated again behind them: what it saw may be gone. It returns the
// version counter before the evaluation that counts. wait tells that the request has to be evaluated again later.
func (e *Executor) fit(r *Request, before uint64) (from uint64, wait bool, err *apierr.Error) {
	e.tx.growth = 0
	ev, limited := e.limit()
	if use := e.use.Load(); len(e.tx.writes) == 0 || !limited && (use == nil || !use.lfu) {
		return before, false, nil
	}
	for range fitTriesMax {
		d := e.tx.demand()
		e.tx.growth = d.growth
		need := e.memory.projected.Load() + d.growth
		if !limited || d.growth <= 0 || !d.refusable || need <= ev.BudgetBytes {
			return before, false, nil
		}
		if ev.Policy == NoEviction || d.holds > ev.BudgetBytes {
			return before, false, e.outOfMemory(ev)
		}
		e.version = before // nobody has seen the versions
		target := ev.BudgetBytes - d.growth
		switch made := e.makeRoom(ev, target, target-ahead(ev), evictKeysMax); {
		case made == roomLater:
			e.Kick()
			return e.version, true, nil
		case made == roomNone && e.onTheirWay():
			return e.version, true, nil // a key whose change is applied can be evicted
		case made == roomNone:
			return e.version, false, e.outOfMemory(ev)
		}
		before = e.version
		e.tx.reset(r, e.clock.Now())
		if err := e.do(r); err != nil {
			return before, false, err
		}
		if len(e.tx.writes) == 0 {
			e.tx.growth = 0
			return before, false, nil
		}
	}
	e.version = before
	e.Kick()
	return before, true, nil
}

func ahead(ev *Eviction) int64 { return min(evictAheadBytes, ev.BudgetBytes/evictAheadShare) }

// makeRoom evicts keys until the shard's memory is down to wish, or until limit keys are evicted or batches are full. It
// has made room if need, the larger number, is reached.
func (e *Executor) makeRoom(ev *Eviction, need, wish int64, limit int) room {
	for n := 0; e.memory.projected.Load() > wish; n++ {
		e.proposeSealed()
		if n >= limit || len(e.sealed) > 0 {
			break
		}
		v, ok := e.victims.next(e, ev)
		if !ok {
			if e.memory.projected.Load() > need {
				return roomNone
			}
			return roomMade
		}
		e.evict(v)
	}
	if e.memory.projected.Load() > need {
		return roomLater
	}
	return roomMade
}

// evict enters the deletion of a key into the open batch: what is evaluated from now on does not find it.
func (e *Executor) evict(v victim) {
	b := e.batchFor(len(v.key))
	e.version++
	key := e.builder.Copy(v.key)
	e.builder.Add(v.slot, entry.Effect{Kind: entry.EffectDel, Reason: entry.ReasonEvict, Key: key, Version: e.version})
	sl := e.store.Slot(v.slot)
	sl.Lock()
	e.overlay.slots[v.slot].put(key, pending{deleted: true, batch: b.id})
	sl.Unlock()
	e.grow(b, -v.bytes)
	e.entered(1)
}

// onTheirWay tells whether any batch has no verdict yet.
func (e *Executor) onTheirWay() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.batches) > 0
}

func (e *Executor) outOfMemory(ev *Eviction) *apierr.Error {
	e.stats.refusedOOM.Add(1)
	// The first sentence is Redis' own.
	return apierr.New(apierr.KindOutOfMemory, "command not allowed when used memory > 'maxmemory'. Shard %d uses %d of %d bytes under %v; not applied, delete keys or raise maxmemory",
		e.cfg.Shard, e.memory.projected.Load(), ev.BudgetBytes, ev.Policy)
}

// overBudget tells whether keys have to go although nobody writes.
func (e *Executor) overBudget() bool {
	ev, limited := e.limit()
	return limited && ev.Policy != NoEviction && e.memory.projected.Load() > ev.BudgetBytes
}

// wantTrim asks Run to evict where the budget has become smaller than what is there.
func (e *Executor) wantTrim() {
	if e.tenure.Load() != nil && e.overBudget() {
		e.trimWanted.Store(true)
		e.Kick()
	}
}

// trim evicts some keys if it was asked for, and asks again where there are more.
func (e *Executor) trim() {
	if !e.trimWanted.Load() {
		return
	}
	e.trimWanted.Store(false)
	if ev, limited := e.limit(); limited && e.overBudget() && e.makeRoom(ev, ev.BudgetBytes, ev.BudgetBytes, trimKeysMax) == roomLater {
		e.trimWanted.Store(true)
		e.Kick()
	}
}

// slotBytes is what a slot takes with what is pending in it.
func (e *Executor) slotBytes(id slot.ID) int64 {
	sl, over := e.store.Slot(id), &e.overlay.slots[id]
	sl.RLock()
	defer sl.RUnlock()
	bytes := int64(0)
	if over.dropped == (BatchID{}) {
		bytes = sl.UsedLocked()
	}
	for key, p := range over.keys {
		if n, stored := sl.MemoryLocked([]byte(key)); stored && over.dropped == (BatchID{}) {
			bytes -= int64(n)
		}
		bytes += p.bytes([]byte(key))
	}
	return bytes
}
