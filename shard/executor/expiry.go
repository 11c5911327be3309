package executor

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

const (
	// expiryTick is how often the leader looks for expired keys that nobody reads, and every replica gives freed memory
	// back.
	expiryTick = 100 * time.Millisecond
	// expiryKeysMax is how many it deletes at once: under a millisecond of evaluation, which other requests wait for.
	expiryKeysMax = 500
	// expiryShare is the share of the time that it spends on them while there are more (Redis, expire.c: 25 % of CPU).
	expiryShare = 4
	// maintainCells is how many cells of the store are freed or moved a tick: some milliseconds of this goroutine.
	maintainCells = 50_000
)

// runExpiry deletes expired keys that nobody touches, while this replica serves, keeps the store's memory in order and its
// access stamps up to date.
func (e *Executor) runExpiry(ctx context.Context) {
	timer := time.NewTimer(expiryTick)
	defer timer.Stop()
	from, swept := slot.ID(0), slot.ID(0)
	var maintained time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := time.Now()
		if began.Sub(maintained) >= expiryTick {
			maintained = began
			e.store.Maintain(maintainCells)
			swept = e.sweepResults(swept)
			e.stampWrites()
			e.wantTrim()
		}
		pause := expiryTick
		if e.tenure.Load() != nil && !e.lazyExpiry.Load() {
			var keys [][]byte
			began = time.Now()
			keys, from = e.store.ExpiredKeys(nil, from, e.clock.Now(), expiryKeysMax)
			e.expireAll(ctx, keys)
			if len(keys) >= expiryKeysMax {
				pause = min(pause, (expiryShare-1)*time.Since(began))
			}
		}
		timer.Reset(pause)
	}
}

// SetActiveExpiry switches the deletion of expired keys that nobody touches, which is on at first. Nobody sees the others either
// way.
func (e *Executor) SetActiveExpiry(on bool) { e.lazyExpiry.Store(!on) }

// expireAll deletes keys, which come slot by slot, in one request a slot, and waits for all of them.
func (e *Executor) expireAll(ctx context.Context, keys [][]byte) {
	if len(keys) == 0 {
		return
	}
	var requests []*Request
	for len(keys) > 0 {
		s := slot.Of(keys[0])
		n := 1
		for n < len(keys) && slot.Of(keys[n]) == s {
			n++
		}
		requests = append(requests, e.expiry(s, keys[:n]))
		keys = keys[n:]
	}
	w := NewWaiter()
	if e.Submit(w, requests...) != nil {
		return // not the leader any more, and the next one does it; or too busy, and the next tick does it
	}
	if w.Wait(ctx) != nil {
		w.GiveUp(e.cfg.Shard, requests...)
	}
}

// expiry is the request that deletes those of the keys that have expired.
func (e *Executor) expiry(s slot.ID, keys [][]byte) *Request {
	return &Request{Slot: s, Do: func(tx *Tx) {
		for _, key := range keys {
			tx.Get(key) // deletes what is expired
		}
	}}
}
