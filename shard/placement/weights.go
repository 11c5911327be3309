package placement

import (
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// SlotUsage is what the slots of a shard hold, as its leader says.
type SlotUsage struct {
	// Ranges are the slots that the shard serves; Keys and Bytes are of each of these slots in turn.
	Ranges      []slot.Range
	Keys, Bytes []uint64
	// Requests counts what the replica was asked since it was opened, and AtMs is its clock then: two answers of one leader
	// give a rate.
	Requests, AtMs uint64
}

// Usage is what is known of the load of a cluster. Shards that gave no answer are missing.
type Usage struct {
	// Keys and Bytes are by slot.
	Keys, Bytes [slot.Count]uint64
	// Rates are requests a second of shards.
	Rates map[slot.ShardID]uint64
}

// Add takes over the answer of a shard, and with an earlier one of the same leader its rate.
func (u *Usage) Add(shard slot.ShardID, now SlotUsage, earlier *SlotUsage) {
	i := 0
	for _, r := range now.Ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			u.Keys[s], u.Bytes[s] = now.Keys[i], now.Bytes[i]
			i++
		}
	}
	if earlier == nil || now.AtMs <= earlier.AtMs || now.Requests < earlier.Requests {
		return // it has another leader, or was opened again
	}
	if u.Rates == nil {
		u.Rates = map[slot.ShardID]uint64{}
	}
	u.Rates[shard] = (now.Requests - earlier.Requests) * 1000 / (now.AtMs - earlier.AtMs)
}

// weightOfAll is what all slots weigh together by one measure.
const weightOfAll = 1 << 40

// WeightsOf is what slots weigh by some measures, each of which counts the same; nil where they are only counted. Requests are
// known of shards: a slot is taken to get its share by the keys that it holds. A measure by which nothing weighs anything
// counts slots.
func WeightsOf(measures []meta.BalanceMeasure, usage *Usage, slots *slot.Map) Weights {
	if usage == nil || !slices.ContainsFunc(measures, func(m meta.BalanceMeasure) bool { return m != meta.MeasureSlots }) {
		return nil
	}
	weights := make(Weights, slot.Count)
	for _, m := range measures {
		shares := make([]float64, slot.Count)
		switch m {
		case meta.MeasureBytes:
			for s, bytes := range usage.Bytes {
				shares[s] = float64(bytes)
			}
		case meta.MeasureRequests:
			usage.spreadRates(shares, slots)
		}
		var total float64
		for _, share := range shares {
			total += share
		}
		for s, share := range shares {
			if total == 0 {
				weights[s] += weightOfAll / slot.Count
			} else {
				weights[s] += uint64(share / total * weightOfAll)
			}
		}
	}
	return weights
}

// SlotRates is about how many requests a second each slot gets.
func (u *Usage) SlotRates(slots *slot.Map) []float64 {
	rates := make([]float64, slot.Count)
	u.spreadRates(rates, slots)
	return rates
}

// spreadRates gives each slot its share of what its shard is asked.
func (u *Usage) spreadRates(shares []float64, slots *slot.Map) {
	for shard, rate := range u.Rates {
		ranges := slots.Ranges(shard)
		var keys uint64
		eachSlot(ranges, func(s slot.ID) { keys += u.Keys[s] })
		eachSlot(ranges, func(s slot.ID) {
			if keys > 0 {
				shares[s] = float64(rate) * float64(u.Keys[s]) / float64(keys)
			} else {
				shares[s] = float64(rate) / float64(countSlots(ranges))
			}
		})
	}
}

func eachSlot(ranges []slot.Range, f func(slot.ID)) {
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			f(slot.ID(s))
		}
	}
}
