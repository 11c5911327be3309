package placement

import (
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// twoShards own the lower and the upper half of the slots.
func twoShards(t *testing.T) *slot.Map {
	t.Helper()
	m, err := slot.NewMap(1, []slot.Assignment{{Range: slot.Range{First: 0, Last: 8191}, Shard: 1}, {Range: slot.Range{First: 8192, Last: slot.Count - 1}, Shard: 2}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func usageOf(first, last slot.ID, keys, bytes, requests, at uint64) SlotUsage {
	r := slot.Range{First: first, Last: last}
	return SlotUsage{Ranges: []slot.Range{r}, Keys: slices.Repeat([]uint64{keys}, r.Len()), Bytes: slices.Repeat([]uint64{bytes}, r.Len()), Requests: requests, AtMs: at}
}

func TestSlotsWeighTheirShareOfWhatIsMeasured(t *testing.T) {
	usage := &Usage{}
	before := []SlotUsage{usageOf(0, 8191, 1, 30, 1000, 5000), usageOf(8192, slot.Count-1, 2, 10, 50_000, 70_000)}
	now := []SlotUsage{usageOf(0, 8191, 1, 30, 4000, 6000), usageOf(8192, slot.Count-1, 2, 10, 52_000, 72_000)}
	now[0].Keys[7] = 8193 // as many as all others of the shard
	usage.Add(1, now[0], &before[0])
	usage.Add(2, now[1], &before[1])
	if usage.Rates[1] != 3000 || usage.Rates[2] != 1000 {
		t.Fatalf("rates %v", usage.Rates)
	}
	whole := uint64(weightOfAll)
	for what, c := range map[string]struct {
		measures  []meta.BalanceMeasure
		low, hot  uint64 // of slots 0 and 7
		high, all uint64
	}{
		"bytes":           {[]meta.BalanceMeasure{meta.MeasureBytes}, whole * 3 / 4 / 8192, whole * 3 / 4 / 8192, whole / 4 / 8192, whole},
		"requests":        {[]meta.BalanceMeasure{meta.MeasureRequests}, whole * 3 / 8 / 8192, whole * 3 / 8, whole / 4 / 8192, whole},
		"slots and bytes": {[]meta.BalanceMeasure{meta.MeasureSlots, meta.MeasureBytes}, whole*3/4/8192 + whole/slot.Count, whole*3/4/8192 + whole/slot.Count, whole/4/8192 + whole/slot.Count, 2 * whole},
	} {
		weights := WeightsOf(c.measures, usage, twoShards(t))
		var all uint64
		for _, w := range weights {
			all += w
		}
		near := func(got, want uint64) bool { return distance(got, want) <= want/1000 }
		if !near(weights[0], c.low) || !near(weights[7], c.hot) || !near(weights[9000], c.high) || !near(all, c.all) {
			t.Errorf("by %s: %d, %d, %d of %d, want %d, %d, %d of %d", what, weights[0], weights[7], weights[9000], all, c.low, c.hot, c.high, c.all)
		}
	}
	if WeightsOf([]meta.BalanceMeasure{meta.MeasureSlots}, usage, twoShards(t)) != nil || WeightsOf([]meta.BalanceMeasure{meta.MeasureBytes}, nil, twoShards(t)) != nil {
		t.Error("slots that are only counted are weighed")
	}
}

func TestShardsThatHoldNothingWeighTheirSlots(t *testing.T) {
	weights := WeightsOf([]meta.BalanceMeasure{meta.MeasureBytes}, &Usage{}, twoShards(t))
	if weights[0] == 0 || weights[0] != weights[slot.Count-1] {
		t.Errorf("weights %d and %d", weights[0], weights[slot.Count-1])
	}
}

// A count that went back, or a clock that did, is that of another leader or of another run.
func TestRatesAreOfOneLeaderOnly(t *testing.T) {
	for what, before := range map[string]*SlotUsage{"none": nil, "more requests": {Requests: 9, AtMs: 1}, "a later time": {Requests: 1, AtMs: 9}, "the same time": {Requests: 1, AtMs: 5}} {
		usage := &Usage{}
		usage.Add(1, SlotUsage{Requests: 5, AtMs: 5}, before)
		if len(usage.Rates) != 0 {
			t.Errorf("%s: %v", what, usage.Rates)
		}
	}
}
