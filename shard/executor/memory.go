package executor

import (
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// memory is what the shard's keys will take once everything that is evaluated has been applied. What captures and freed
// pages hold beyond the keys does not count.
type memory struct {
	// projected is what the store takes as of the last applied record, plus the growth of the batches on their way.
	projected atomic.Int64
	// stored is the first part of it. Written by the FSM goroutine only.
	stored int64
}

// settleMemory replaces estimates by what the store takes now, between two records.
func (e *Executor) settleMemory() {
	now := e.store.UsedBytes()
	e.memory.projected.Add(now - e.memory.stored)
	e.memory.stored = now
}

// grow notes by how much effects that enter a batch will make the store grow.
func (e *Executor) grow(b *batch, bytes int64) {
	if bytes != 0 {
		e.mu.Lock()
		b.growth += bytes
		e.mu.Unlock()
		e.memory.projected.Add(bytes)
	}
}

// demand is what the writes of a request ask of the shard's memory.
type demand struct {
	// growth is by how much they make it grow; below 0 it shrinks.
	growth int64
	// holds is what the keys that they set will take.
	holds int64
	// refusable tells that the request may be refused where there is no room for it: it sets or lengthens a value.
	refusable bool
}

// demand measures the writes against overlay and store: of several writes of a key the last one counts.
func (tx *Tx) demand() demand {
	var d demand
	var seen map[string]bool
	if len(tx.writes) > 1 {
		seen = make(map[string]bool, len(tx.writes))
	}
	dropped := len(tx.writes) // the last emptying of the request's slot
	for dropped > 0 && !(tx.writes[dropped-1].drop != nil && contains(tx.writes[dropped-1].drop, tx.slot)) {
		dropped--
	}
	sl, over := tx.e.store.Slot(tx.slot), &tx.e.overlay.slots[tx.slot]
	sl.RLock()
	for i := len(tx.writes) - 1; i >= dropped; i-- {
		w := &tx.writes[i]
		d.refusable = d.refusable || w.adds()
		if w.drop != nil || seen[string(w.effect.Key)] {
			continue
		}
		if seen != nil {
			seen[string(w.effect.Key)] = true
		}
		if !w.deleted {
			d.holds += w.bytes()
		}
		if dropped == 0 {
			d.growth -= tx.heldLocked(sl, over, w.effect.Key)
		}
	}
	sl.RUnlock()
	d.growth += d.holds
	if dropped > 0 || tx.dropsOthers() {
		d.growth -= tx.dropBytes()
	}
	return d
}

// adds tells whether a write sets or lengthens a value.
func (w *write) adds() bool {
	return w.drop == nil && !w.deleted && w.effect.Kind != entry.EffectExpire && w.effect.Kind != entry.EffectDelField
}

// bytes is what the key takes after the last write to it.
func (w *write) bytes() int64 {
	if w.fields != nil {
		return w.fields.bytes
	}
	return itemBytes(w.effect.Key, w.item)
}

// heldLocked is what a key takes before the request. Under an LFU policy a key that is overwritten has been used.
func (tx *Tx) heldLocked(sl *store.Slot, over *slotOverlay, key []byte) int64 {
	use := tx.e.use.Load()
	if use != nil && use.lfu {
		sl.GetTouchLocked(key, func(a store.Access) store.Access { return use.stamp(a, tx.now) })
	}
	if p, found := over.look(key); found {
		return p.bytes(key)
	}
	n, _ := sl.MemoryLocked(key)
	return int64(n)
}

func itemBytes(key []byte, item store.Item) int64 {
	return int64(store.CellBytes(key, len(item.Value), item.Type, item.ExpireAt, item.Version))
}

func (tx *Tx) dropsOthers() bool {
	for i := range tx.writes {
		if tx.writes[i].drop != nil {
			return true
		}
	}
	return false
}

// dropBytes is what the slots that the request empties take, with what is pending in them.
func (tx *Tx) dropBytes() (bytes int64) {
	for i := range tx.writes {
		for _, r := range tx.writes[i].drop {
			for s := int(r.First); s <= int(r.Last); s++ {
				bytes += tx.e.slotBytes(slot.ID(s))
			}
		}
	}
	return bytes
}
