package gossip

import (
	"log/slog"
	"testing"
	"time"
)

func TestMemberlistLinesGetOurLevels(t *testing.T) {
	for _, c := range []struct {
		line, text string
		level      slog.Level
	}{
		{"[DEBUG] memberlist: Stream connection", "Stream connection", slog.LevelDebug},
		{"[INFO] memberlist: Suspect n has failed", "Suspect n has failed", slog.LevelDebug},
		{"[WARN] memberlist: x", "x", slog.LevelWarn},
		{"[ERR] memberlist: y [z] w", "y [z] w", slog.LevelWarn},
		{"[ERR] Failed to shutdown transport", "Failed to shutdown transport", slog.LevelWarn},
		{"Err: Could not set the deadline", "Err: Could not set the deadline", slog.LevelWarn},
		{"", "", slog.LevelWarn},
	} {
		if level, text := parseLine(c.line); level != c.level || text != c.text {
			t.Errorf("%q: got %v %q, want %v %q", c.line, level, text, c.level, c.text)
		}
	}
}

func TestLogBurstPassesAFewLinesAPeriodAndCountsTheRest(t *testing.T) {
	var b burst
	for i := range logBurstMax + 5 {
		if ok, _ := b.pass(at(i)); ok != (i < logBurstMax) {
			t.Errorf("line %d: passed %v", i, ok)
		}
	}
	ok, suppressed := b.pass(testTime.Add(logBurstPeriod + time.Second))
	if !ok || suppressed != 5 {
		t.Errorf("next period: got %v with %d suppressed, want true with 5", ok, suppressed)
	}
}

// A handler that hangs must not stop gossip: lines beyond the queue are counted.
func TestLoggerNeverBlocks(t *testing.T) {
	l := newLogger(slog.New(slog.DiscardHandler)) // nobody runs it
	for range logQueueMax + 3 {
		l.info("x")
	}
	if got := l.dropped.Load(); got != 3 {
		t.Errorf("dropped: got %d, want 3", got)
	}
}
