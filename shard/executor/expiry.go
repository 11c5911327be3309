package executor

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

const (
	// expiryTick is how often the leader looks for expired keys that nobody reads.
	expiryTick = 100 * time.Millisecond
	// expiryKeysMax is how many it deletes a tick: 10,000 a second, a load that writers hardly notice.
	expiryKeysMax = 1000
)

// runExpiry deletes expired keys that nobody touches, while this replica serves.
func (e *Executor) runExpiry(ctx context.Context) {
	ticker := time.NewTicker(expiryTick)
	defer ticker.Stop()
	from := slot.ID(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if e.tenure.Load() == nil {
			continue
		}
		var keys [][]byte
		keys, from = e.store.ExpiredKeys(nil, from, e.clock.Now(), expiryKeysMax)
		e.expireAll(ctx, keys)
	}
}

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
