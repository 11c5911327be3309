package nemesis

import (
	"testing"
	"time"
)

func TestFlappingLinkIsCutAgainAndAgain(t *testing.T) {
	e := startEchoes(t, 2)
	cut := e.Pair(1, 2)
	f := &Flapping{Fault: cut, Random: drawn(), On: 100 * time.Millisecond, Off: 100 * time.Millisecond}
	During(t, f, func() {
		answers := map[bool]int{}
		for answers[true] == 0 || answers[false] == 0 || f.noted.Load() < 2 {
			answers[e.ask("udp", Link{1, 2}, neverMax/10) == "ok"]++
		}
	})
	if got := e.ask("udp", Link{1, 2}, eventuallyMax); got != "ok" {
		t.Errorf("afterwards: %s", got)
	}
}

func TestFaultThatCameOnceDidNotFlap(t *testing.T) {
	e := startEchoes(t, 2)
	f := &Flapping{Fault: e.Pair(1, 2), Random: drawn(), On: time.Hour, Off: time.Hour}
	Need(t, f)
	must(t, f.Begin())
	if got := e.ask("udp", Link{1, 2}, neverMax); got == "ok" {
		t.Error("the link is not cut")
	}
	must(t, f.End())
	if f.TookEffect() == nil {
		t.Errorf("%d rounds are enough", f.Rounds())
	}
}
