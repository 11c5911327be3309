package pace

import (
	"errors"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
)

const ms = time.Millisecond

// A request that had to wait counts from when it was due; a slot's pause is what lies between two answers, whoever waited.
func TestFiguresCountFromWhenRequestsWereDue(t *testing.T) {
	l := &Load{keys: keysOf(2), began: time.Now()}
	add := func(place uint16, due, done time.Duration, err error) {
		l.requests = append(l.requests, request{kind: kindSet, slot: place, due: due, done: done, err: err})
	}
	for i := range 100 {
		add(0, time.Duration(10*i)*ms, time.Duration(10*i+1)*ms, nil)
	}
	for i := range 10 {
		add(1, time.Duration(100*i)*ms, time.Duration(100*i+1)*ms, nil)
	}
	add(1, 305*ms, 398*ms, nil)                        // waited
	add(1, 350*ms, 360*ms, errors.New("no such luck")) // is no answer
	f := l.Between(0, time.Second)
	if f.Requests != 112 || f.Failed != 1 || len(f.Failures) != 1 {
		t.Errorf("%d requests, %d failed: %v", f.Requests, f.Failed, f.Failures)
	}
	if f.P50 != ms || f.P99 != ms || f.Max != 93*ms {
		t.Errorf("p50 %v, p99 %v, maximum %v, want 1 ms, 1 ms, 93 ms", f.P50, f.P99, f.Max)
	}
	if len(f.Pauses) != 2 || f.Pauses[0].Slot != l.keys[1].id || f.Pauses[0].Length != 100*ms || f.Pauses[1].Length != 10*ms {
		t.Errorf("pauses: %v", f.Pauses)
	}
	f = l.Between(301*ms, 400*ms)
	if f.Requests != 11 || f.Pauses[0].From != 301*ms || f.Pauses[0].Length != 97*ms || len(f.Pauses[0].Late) != 1 {
		t.Errorf("%d requests; pauses: %v; want 11, and that from 301 to 398 ms for which one request waited", f.Requests, f.Pauses)
	}
}

func TestKeysOfSlotsAreInThem(t *testing.T) {
	last := slot.ID(0)
	for i, s := range keysOf(24) {
		for k := kindSet; int(k) < len(kinds); k++ {
			if key := s.key(k, 1); slot.Of([]byte(key)) != s.id {
				t.Errorf("%s is in slot %d, want %d", key, slot.Of([]byte(key)), s.id)
			}
		}
		if gap := s.id - last; i > 0 && (gap < 682 || gap > 683) {
			t.Errorf("slot %d follows slot %d", s.id, last)
		}
		last = s.id
	}
}
