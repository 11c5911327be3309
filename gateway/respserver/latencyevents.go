package respserver

import (
	"sync"
	"time"
)

// latencySamplesMax is how many samples are kept of an event: one a second at most (Redis, latency.h).
const latencySamplesMax = 160

// The events of LATENCY, by their names in Redis: commands that are expected to be slow, and those that are flagged fast.
const (
	eventCommand = iota
	eventFastCommand
	eventKinds
)

var eventNames = [eventKinds]string{eventCommand: "command", eventFastCommand: "fast-command"}

// latencyEvents remembers when commands took as long as latency-monitor-threshold, or longer.
type latencyEvents struct {
	mu sync.Mutex // protects the fields below
	// from is the threshold; 0 turns the events off, as they are at the start.
	from  time.Duration
	kinds [eventKinds]latencySeries
}

type latencySeries struct {
	samples []latencySample // in the order of time
	max     time.Duration
}

// latencySample is the longest time of one second.
type latencySample struct {
	second int64
	took   time.Duration
}

func (e *latencyEvents) threshold() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.from
}

func (e *latencyEvents) setThreshold(from time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.from = from
}

func (e *latencyEvents) add(fast bool, took time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.from == 0 || took < e.from {
		return
	}
	s := &e.kinds[eventCommand]
	if fast {
		s = &e.kinds[eventFastCommand]
	}
	s.max = max(s.max, took)
	second := time.Now().Unix()
	if n := len(s.samples); n > 0 && s.samples[n-1].second == second {
		s.samples[n-1].took = max(s.samples[n-1].took, took)
		return
	}
	if len(s.samples) == latencySamplesMax {
		s.samples = append(s.samples[:0], s.samples[1:]...)
	}
	s.samples = append(s.samples, latencySample{second, took})
}

// series is a copy of what is known of an event.
func (e *latencyEvents) series(kind int) latencySeries {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.kinds[kind]
	s.samples = append([]latencySample(nil), s.samples...)
	return s
}

// reset forgets an event, and tells whether anything was known of it.
func (e *latencyEvents) reset(kind int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := len(e.kinds[kind].samples) > 0
	e.kinds[kind] = latencySeries{}
	return known
}
