package nemesis

import (
	"encoding/binary"
	"os"
	"testing"
	"time"
)

// look reads a clock as a program does, by its file.
func look(t *testing.T, c *Clock) time.Duration {
	t.Helper()
	file, err := os.OpenFile(c.File, os.O_RDWR, 0)
	must(t, err)
	defer file.Close()
	var data [16]byte
	_, err = file.ReadAt(data[:], 0)
	must(t, err)
	step := binary.NativeEndian.Uint64(data[:8])
	if step != 0 {
		var count [8]byte
		binary.NativeEndian.PutUint64(count[:], binary.NativeEndian.Uint64(data[8:])+1)
		_, err = file.WriteAt(count[:], 8)
		must(t, err)
	}
	return time.Duration(step)
}

func TestClockIsWrongUntilItIsSetRight(t *testing.T) {
	a, b := NewClock(t), NewClock(t)
	During(t, &ClockStep{Clocks: []*Clock{a}, By: -time.Hour}, func() {
		During(t, &ClockStep{Clocks: []*Clock{a, b}, By: time.Minute}, func() {
			if got := look(t, a); got != -59*time.Minute {
				t.Errorf("wrong by %v", got)
			}
			if got := look(t, b); got != time.Minute {
				t.Errorf("wrong by %v", got)
			}
		})
		if got := look(t, a); got != -time.Hour {
			t.Errorf("wrong by %v", got)
		}
	})
	if got := look(t, a); got != 0 {
		t.Errorf("wrong by %v", got)
	}
}

func TestClockThatNobodyReadHadNoEffect(t *testing.T) {
	c := NewClock(t)
	s := &ClockStep{Clocks: []*Clock{c}, By: time.Hour}
	must(t, s.Begin())
	must(t, s.End())
	look(t, c)
	if s.TookEffect() == nil {
		t.Error("it had one")
	}
}

func TestStrobingClockIsReadWrongAgainAndAgain(t *testing.T) {
	c := NewClock(t)
	f := &Flapping{Fault: &ClockStep{Clocks: []*Clock{c}, By: time.Hour}, Random: drawn(), On: 10 * time.Millisecond, Off: 10 * time.Millisecond}
	During(t, f, func() {
		seen := map[time.Duration]bool{}
		for f.noted.Load() < 2 || len(seen) < 2 {
			seen[look(t, c)] = true
		}
	})
}
