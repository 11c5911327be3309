package respserver

import (
	"testing"
	"time"
)

func TestLatencyStepsFollowOneAnother(t *testing.T) {
	for step := range latencySteps - 1 {
		bound := LatencyBound(step)
		if got := stepOf(bound - 1); got != step {
			t.Errorf("%v is in step %d, want %d", bound-1, got, step)
		}
		if got := stepOf(bound); got != step+1 {
			t.Errorf("%v is in step %d, want %d", bound, got, step+1)
		}
	}
	for _, d := range []time.Duration{-1, 0} {
		if got := stepOf(d); got != 0 {
			t.Errorf("%v is in step %d", d, got)
		}
	}
	if got := stepOf(1 << 62); got != latencySteps-1 {
		t.Errorf("what takes for ever is in step %d", got)
	}
}

func TestQuantileIsAQuarterTooLongAtMost(t *testing.T) {
	var l Latency
	for us := 1; us <= 1000; us++ {
		l.Counts[stepOf(time.Duration(us)*time.Microsecond)]++
	}
	for _, want := range []time.Duration{10 * time.Microsecond, 500 * time.Microsecond, 990 * time.Microsecond} {
		got := l.Quantile(float64(want) / float64(time.Millisecond))
		if got < want || float64(got) > 1.26*float64(want) {
			t.Errorf("got %v, want %v and at most a quarter more", got, want)
		}
	}
	if got := new(Latency).Quantile(0.5); got != 0 {
		t.Errorf("half of no commands took %v", got)
	}
}
