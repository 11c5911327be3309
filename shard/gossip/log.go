package gossip

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of the log. memberlist writes several lines for each hostile packet, and a stranger must not fill our disk.
const (
	logQueueMax    = 256 // lines waiting for a slow handler; further ones are counted only
	logBurstMax    = 20  // memberlist's warnings in one logBurstPeriod
	logBurstPeriod = time.Minute
)

// logger takes log lines from callbacks, which must not block, and writes them on its own goroutine. It is also the
// io.Writer behind memberlist's *log.Logger, so nothing reaches stderr.
type logger struct {
	out     *slog.Logger
	queue   chan logLine
	dropped atomic.Uint64 // lines that found the queue full or the logger stopped
	debug   bool          // memberlist's debug and info lines are wanted
}

type logLine struct {
	level   slog.Level
	message string
	attrs   []any
	limited bool // counts against logBurstMax
}

func newLogger(out *slog.Logger) *logger {
	return &logger{
		out:   out,
		queue: make(chan logLine, logQueueMax),
		debug: out.Enabled(context.Background(), slog.LevelDebug),
	}
}

// put hands a line over; it never blocks.
func (l *logger) put(line logLine) {
	select {
	case l.queue <- line:
	default:
		l.dropped.Add(1)
	}
}

func (l *logger) info(message string, attrs ...any) {
	l.put(logLine{level: slog.LevelInfo, message: message, attrs: attrs})
}

func (l *logger) warn(message string, attrs ...any) {
	l.put(logLine{level: slog.LevelWarn, message: message, attrs: attrs, limited: true})
}

// Write takes one line of memberlist. Its errors are trouble with other nodes, which it copes with: our warnings. What
// it calls information is chatter; changes of a node's state are logged by us.
func (l *logger) Write(b []byte) (int, error) {
	level, text := parseLine(string(bytes.TrimRight(b, "\n")))
	if level >= slog.LevelWarn || l.debug {
		l.put(logLine{
			level:   level,
			message: "memberlist reports",
			attrs:   []any{"detail", text},
			limited: level >= slog.LevelWarn,
		})
	}
	return len(b), nil
}

// parseLine splits "[WARN] memberlist: text". A line without a level that we know is a warning.
func parseLine(line string) (slog.Level, string) {
	level := slog.LevelWarn
	text := line
	if name, rest, found := strings.Cut(line, "] "); found && strings.HasPrefix(name, "[") {
		text = rest
		if name == "[DEBUG" || name == "[INFO" {
			level = slog.LevelDebug
		}
	}
	return level, strings.TrimPrefix(text, "memberlist: ")
}

// run writes lines until ctx ends, then those that are still queued.
func (l *logger) run(ctx context.Context) {
	var burst burst
	for {
		select {
		case line := <-l.queue:
			l.write(line, &burst)
		case <-ctx.Done():
			for {
				select {
				case line := <-l.queue:
					l.write(line, &burst)
				default:
					return
				}
			}
		}
	}
}

func (l *logger) write(line logLine, b *burst) {
	if line.limited {
		pass, suppressed := b.pass(time.Now())
		if suppressed > 0 {
			l.out.Warn("gossip log lines suppressed", "lines", suppressed)
		}
		if !pass {
			return
		}
	}
	l.out.Log(context.Background(), line.level, line.message, line.attrs...)
}

// burst lets logBurstMax lines pass in each period.
type burst struct {
	start      time.Time
	passed     int
	suppressed int
}

// pass says whether a line may pass at now, and at the start of a period how many could not in the one before.
func (b *burst) pass(now time.Time) (ok bool, suppressed int) {
	if now.Sub(b.start) >= logBurstPeriod {
		suppressed = b.suppressed
		*b = burst{start: now}
	}
	if b.passed >= logBurstMax {
		b.suppressed++
		return false, suppressed
	}
	b.passed++
	return true, suppressed
}
