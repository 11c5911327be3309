package respserver

import (
	"bytes"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/pubsub"
)

// Stats is what the server has counted since its start, or since CONFIG RESETSTAT.
type Stats struct {
	Connections, Accepted, Refused uint64
	// Broken connections ended with an error, TimedOut ones sent nothing or half a command for too long.
	Broken, TimedOut uint64
	// OutputCuts counts connections that were closed because of what they made us send before AUTH.
	OutputCuts uint64
	// MessagesLost counts messages of channels that were lost on their way to other nodes, or may have been, for each node.
	MessagesLost uint64
	// Channels, Patterns and ShardChannels are how many different ones clients here listen to.
	Channels, Patterns, ShardChannels int
	// SlowListeners counts connections that were closed because too many messages waited for them.
	SlowListeners  uint64
	ProtocolErrors uint64
	AuthFailures   uint64
	Panics         uint64
	// Commands counts commands by name, Failed those of them that were answered with an error, Errors all error replies
	// by their first word.
	Commands, Failed map[string]uint64
	Errors           map[string]uint64
	Latency          Latency
	// Lookups are the keys that reads have looked for.
	Lookups ops.Lookups
	// TrackingBytes is about what the table of tracked keys takes, Tracking how many connections have tracking on.
	TrackingBytes int64
	Tracking      int64
}

// Latency counts commands by how long their round took, from its begin to its replies being written: Counts[i] is how
// many took less than 2^i microseconds and not less than half of that; the last one holds all that took longer.
type Latency struct {
	Counts [latencySteps]uint64
	// Total is the sum over all rounds.
	Total time.Duration
}

// latencySteps reach to 2^23 microseconds, 8 s: far beyond router.CommitMax.
const latencySteps = 24

type latency struct {
	counts [latencySteps]atomic.Uint64
	total  atomic.Int64
}

func (l *latency) add(d time.Duration, commands int) {
	if commands == 0 {
		return
	}
	step := min(bits.Len64(uint64(d/time.Microsecond)), latencySteps-1)
	l.counts[step].Add(uint64(commands))
	l.total.Add(int64(d))
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

type counters struct {
	accepted, closed, refused    atomic.Uint64
	broken, timedOut, outputCuts atomic.Uint64
	protocolErrors, authFailures atomic.Uint64
	panics, slowListeners        atomic.Uint64
	latency                      latency
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
		Panics: c.panics.Load(), SlowListeners: c.slowListeners.Load(), Commands: map[string]uint64{}, Failed: map[string]uint64{}, Errors: map[string]uint64{},
		TrackingBytes: s.tracking.bytes.Load(), Tracking: s.tracking.active.Load(),
		Lookups:      c.lookups.sum(),
		MessagesLost: s.lost(),
		Channels:     s.hubFor().Count(pubsub.Channel), Patterns: s.hubFor().Count(pubsub.Pattern), ShardChannels: s.hubFor().Count(pubsub.ShardChannel),
	}
	s.mu.Lock()
	st.Connections = uint64(len(s.conns))
	s.mu.Unlock()
	for spec, r := range s.rows {
		if n := r.calls.Load(); n > 0 {
			st.Commands[spec.Name] = n
		}
		if n := r.failed.Load(); n > 0 {
			st.Failed[spec.Name] = n
		}
	}
	for i := range st.Latency.Counts {
		st.Latency.Counts[i] = c.latency.counts[i].Load()
	}
	st.Latency.Total = time.Duration(c.latency.total.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	for prefix, n := range c.errors {
		st.Errors[prefix] = n
	}
	return st
}

// resetStats is CONFIG RESETSTAT.
func (s *Server) resetStats() {
	c := &s.stats
	for _, n := range []*atomic.Uint64{&c.accepted, &c.refused, &c.broken, &c.timedOut, &c.outputCuts, &c.protocolErrors, &c.authFailures, &c.panics, &c.slowListeners, &c.received, &c.sent} {
		n.Store(0)
	}
	for i := range c.latency.counts {
		c.latency.counts[i].Store(0)
	}
	c.latency.total.Store(0)
	for _, r := range s.rows {
		r.calls.Store(0)
		r.failed.Store(0)
	}
	c.mu.Lock()
	c.errors = nil
	c.mu.Unlock()
	s.resetBase()
}
