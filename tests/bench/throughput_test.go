package main

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

func TestThroughputTableComparesWithHoltUnderTheSamePolicy(t *testing.T) {
	p := &throughputPlan{Ops: choice{"set"}, Pipelines: numbers{1, 16}, InFlight: numbers{1, 4}}
	set := []load.Op{load.OpSet}
	r := &throughputReport{plan: p, contenders: []contender{
		{system.System{Name: "holt-always"}, "always", []contenderLoad{{"holt-always", nil, set, p.Pipelines}}},
		{system.System{Name: "redis-always"}, "always", []contenderLoad{{"redis-always", nil, set, p.Pipelines}}},
		{system.System{Name: "etcd"}, "always", []contenderLoad{{"etcd", nil, set, p.InFlight}}},
		{system.System{Name: "redis-no"}, "no", []contenderLoad{{"redis-no", nil, set, p.Pipelines}}},
	}}
	for _, line := range []struct {
		system   string
		pipeline int
		rates    []float64
	}{
		{"holt-always", 1, []float64{100, 10, 50}}, {"redis-always", 1, []float64{200, 40, 50}}, // ratios 0.5, 0.25, 1
		{"etcd", 1, []float64{10, 10, 10}}, {"etcd", 4, []float64{20, 20, 20}}, {"holt-always", 16, []float64{400, 400, 400}},
		{"redis-no", 1, []float64{7, 7, 7}},
	} {
		for i, rate := range line.rates {
			r.add(measurement{System: line.system, Run: i + 1, Op: load.OpSet, Pipeline: line.pipeline, Rate: rate, P50: 1000 * micros(rate)})
		}
	}
	r.all[0].Failed = 7
	var b strings.Builder
	r.table(&b)
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"SET 1 holt-always 50 10 100 1.00 50.00", "SET 1 redis-always 50 40 200 0.50 50.00", "SET 1 etcd 10 10 10 5.00", "SET 4 etcd 20 20 20 -",
		"SET 4 etcd's best 20 20 20 20.00", "SET 1 redis-no 7 7 7 -", "holt-always SET P=1, run 1: 7 failed",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}
