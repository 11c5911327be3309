package respserver

import (
	"testing"
	"time"
)

func TestTheRateIsThatOfTheLastSecond(t *testing.T) {
	var r rate
	at := func(second int64) time.Time { return time.Unix(1_700_000_000+second, 0) }
	r.add(at(0), 3)
	r.add(at(0), 4)
	r.add(at(1), 5)
	for second, want := range map[int64]int64{0: 0, 1: 7, 2: 5, 3: 0, 5: 0} {
		if got := r.last(at(second)); got != want {
			t.Errorf("in second %d: got %d, want %d", second, got, want)
		}
	}
	r.add(at(4), 1) // the place of second 0
	if got := r.last(at(5)); got != 1 {
		t.Errorf("in second 5: got %d, want 1", got)
	}
}
