package raftfsm

import "time"

const (
	// restShare is for how long a worker in the background rests, in units of the time for which it works: a fifth of one
	// core is what it takes. tests/bench measures what writers notice of it.
	restShare = 4
	// restMin is the shortest rest: timers are not more exact.
	restMin = time.Millisecond
)

// pacer makes one worker rest.
type pacer struct {
	own   *snapshots
	since time.Time
}

func (p *pacer) begin() { p.since = time.Now() }

// going tells whether to go on at all.
func (p *pacer) going() bool {
	select {
	case <-p.own.stop:
		return false
	default:
		return true
	}
}

// rest waits if a rest is due, and tells whether to go on. Waits for the disk count as work, so that a slow disk is given
// rest too.
func (p *pacer) rest() bool {
	if Pace(p.own.pace.Load()) == PaceFull {
		return p.going()
	}
	due := restShare * time.Since(p.since)
	if due < restMin {
		return p.going()
	}
	timer := time.NewTimer(due)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.own.stop:
		return false
	}
	p.begin()
	return true
}
