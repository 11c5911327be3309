package meta

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

func TestRebalanceGoesOnUntilItIsEnded(t *testing.T) {
	c := formedShards(t)
	for _, step := range []struct {
		what    string
		command func() Result
		changed bool
		runs    int64 // when the one that runs was asked for, 0 for none
	}{
		{"there is none to end", func() Result { return c.apply(EndRebalance(0)) }, false, 0},
		{"the first", func() Result {
			return c.apply(StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots}, StartedMs: 10}))
		}, true, 10},
		{"another takes its place", func() Result {
			return c.apply(StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureSlots, MeasureBytes}, Shards: 5, StartedMs: 20}))
		}, true, 20},
		{"the first has ended", func() Result { return c.apply(EndRebalance(10)) }, false, 20},
		{"the second has ended", func() Result { return c.apply(EndRebalance(20)) }, true, 0},
		{"a third", func() Result {
			return c.apply(StartRebalance(Rebalance{Measures: []BalanceMeasure{MeasureRequests}, StartedMs: 30}))
		}, true, 30},
		{"whichever runs is stopped", func() Result { return c.apply(EndRebalance(0)) }, true, 0},
	} {
		r := step.command()
		got, runs := c.State().Rebalance()
		if r.Err != nil || r.Changed != step.changed || runs != (step.runs != 0) || got.StartedMs != step.runs {
			t.Errorf("%s: %+v, then %+v, %v", step.what, r, got, runs)
		}
	}
}

func TestRebalancesThatCannotBeAreRefused(t *testing.T) {
	c := formedShards(t)
	for what, r := range map[string]Rebalance{
		"which are none":         {StartedMs: 1},
		"not known to this":      {StartedMs: 1, Measures: []BalanceMeasure{MeasureSlots, 9}},
		"ascending order":        {StartedMs: 1, Measures: []BalanceMeasure{MeasureBytes, MeasureSlots, MeasureRequests}},
		"order":                  {StartedMs: 1, Measures: []BalanceMeasure{MeasureBytes, MeasureBytes}},
		"over the limit of 1024": {StartedMs: 1, Measures: []BalanceMeasure{MeasureBytes}, Shards: ShardsMax + 1},
		"migration 1 has not":    {StartedMs: 1, Measures: []BalanceMeasure{MeasureBytes}, LastMigration: 1},
		"no time":                {Measures: []BalanceMeasure{MeasureBytes}},
	} {
		result := c.apply(StartRebalance(r))
		if result.Err == nil || result.Changed || !strings.Contains(result.Err.Error(), what) || apierr.KindOf(result.Err).Row().Outcome != apierr.OutcomeNotApplied {
			t.Errorf("%+v: %+v, want %q", r, result, what)
		}
	}
	if _, runs := c.State().Rebalance(); runs {
		t.Error("one of them runs")
	}
}
