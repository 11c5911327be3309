package respserver

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/ops"
)

// Stats is what the server has counted since its start, or since CONFIG RESETSTAT.
type Stats struct {
	Connections, Accepted, Refused uint64
	// Broken connections ended with an error, TimedOut ones sent nothing or half a command for too long.
	Broken, TimedOut uint64
	// OutputCuts counts connections that were closed because of what they made us send before AUTH.
	OutputCuts     uint64
	ProtocolErrors uint64
	AuthFailures   uint64
	Panics         uint64
	// Commands counts commands by name when they begin; Errors counts all error replies by their first word.
	Commands map[string]uint64
	Errors   map[string]uint64
	// Ended are the commands that have ended, by name.
	Ended map[string]CommandStats
	// Lookups are the keys that reads have looked for.
	Lookups ops.Lookups
	// TrackingBytes is about what the table of tracked keys takes, Tracking how many connections have tracking on.
	TrackingBytes int64
	Tracking      int64
}

// rate counts commands by the second. Rounds of different connections may lose each other's counts at the turn of a second.
type rate struct {
	seconds [4]struct{ second, commands atomic.Int64 }
}

func (r *rate) add(now time.Time, commands int) {
	second := now.Unix()
	s := &r.seconds[uint64(second)%uint64(len(r.seconds))]
	if old := s.second.Load(); old != second && s.second.CompareAndSwap(old, second) {
		s.commands.Store(0)
	}
	s.commands.Add(int64(commands))
}

// last is how many commands ended in the last second that is over.
func (r *rate) last(now time.Time) int64 {
	second := now.Unix() - 1
	s := &r.seconds[uint64(second)%uint64(len(r.seconds))]
	if s.second.Load() != second {
		return 0
	}
	return s.commands.Load()
}

// errorPrefixesMax bounds the table of error counts; there are fewer prefixes than that in proto/apierr.
const errorPrefixesMax = 64

// CommandStats is what was counted of one command.
type CommandStats struct {
	// Took counts those that were run, Failed those of them that were answered with an error.
	Took   Latency
	Failed uint64
	// Rejected counts those that were not run: sent elsewhere, not allowed, or wrong inside of MULTI.
	Rejected uint64
}

type counters struct {
	accepted, closed, refused    atomic.Uint64
	broken, timedOut, outputCuts atomic.Uint64
	protocolErrors, authFailures atomic.Uint64
	panics                       atomic.Uint64
	rate                         rate
	received, sent               atomic.Uint64 // bytes
	lastWarning                  atomic.Int64  // Unix nanoseconds
	lookups                      lookups
	base                         atomic.Pointer[statsBase] // never nil

	mu     sync.Mutex // protects the field below
	errors map[string]uint64
}

// countError counts an error reply by its first word.
func (s *counters) countError(text []byte) {
	prefix := text
	if i := bytes.IndexByte(text, ' '); i >= 0 {
		prefix = text[:i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.errors == nil {
		s.errors = map[string]uint64{}
	}
	if _, known := s.errors[string(prefix)]; known || len(s.errors) < errorPrefixesMax {
		s.errors[string(prefix)]++
	}
}

// warnPause is the least time between warnings that whoever reaches the port can cause.
const warnPause = time.Second

// warnNow tells whether such a warning may be logged now.
func (s *counters) warnNow() bool {
	now, last := nowNano(), s.lastWarning.Load()
	return now-last >= int64(warnPause) && s.lastWarning.CompareAndSwap(last, now)
}

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	c := &s.stats
	st := Stats{
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Broken: c.broken.Load(), TimedOut: c.timedOut.Load(),
		OutputCuts: c.outputCuts.Load(), ProtocolErrors: c.protocolErrors.Load(), AuthFailures: c.authFailures.Load(),
		Panics: c.panics.Load(), Commands: map[string]uint64{}, Errors: map[string]uint64{}, Ended: map[string]CommandStats{},
		TrackingBytes: s.tracking.bytes.Load(), Tracking: s.tracking.active.Load(),
		Lookups: c.lookups.sum(),
	}
	s.mu.Lock()
	st.Connections = uint64(len(s.conns))
	s.mu.Unlock()
	for spec, r := range s.rows {
		if n := r.calls.Load(); n > 0 {
			st.Commands[spec.Name] = n
		}
		if ended := r.stats(); ended != (CommandStats{}) {
			st.Ended[spec.Name] = ended
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for prefix, n := range c.errors {
		st.Errors[prefix] = n
	}
	return st
}

func (r *row) stats() (st CommandStats) {
	st.Took, st.Failed = r.ended.sum()
	st.Rejected = r.rejected.Load()
	return st
}

// resetStats is CONFIG RESETSTAT.
func (s *Server) resetStats() {
	c := &s.stats
	for _, n := range []*atomic.Uint64{&c.accepted, &c.refused, &c.broken, &c.timedOut, &c.outputCuts, &c.protocolErrors, &c.authFailures, &c.panics, &c.received, &c.sent} {
		n.Store(0)
	}
	for _, r := range s.rows {
		r.calls.Store(0)
		r.rejected.Store(0)
		r.ended.reset()
	}
	c.mu.Lock()
	c.errors = nil
	c.mu.Unlock()
	s.resetBase()
}
