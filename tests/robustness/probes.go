package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// attempt is one write of a probe.
type attempt struct {
	shard      uint64
	call, done time.Time
	err        error
}

// probes are at work on every shard.
type probes struct {
	stop chan struct{}
	wg   sync.WaitGroup

	mu       sync.Mutex // protects the field below
	attempts []attempt
}

// probePause is between two writes of a probe: what is measured in milliseconds needs no more, and a machine whose clients
// take all of it measures them.
const probePause = 2 * time.Millisecond

// startProbes lets one probe per node work on each shard; each begins at its node.
func startProbes(addrs []string, keys map[uint64]string, timeout time.Duration) *probes {
	ps := &probes{stop: make(chan struct{})}
	for shard, key := range keys {
		for i, addr := range addrs {
			p := &probe{addrs: addrs, timeout: timeout, key: key, at: addr, conns: map[string]*workload.Conn{}}
			ps.wg.Go(func() {
				defer p.close()
				ps.run(p, shard, i)
			})
		}
	}
	return ps
}

func (ps *probes) run(p *probe, shard uint64, id int) {
	ticker := time.NewTicker(probePause)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ps.stop:
			return
		case <-ticker.C:
		}
		a := attempt{shard: shard, call: time.Now()}
		a.err = p.write(fmt.Sprintf("%d-%d", id, n))
		a.done = time.Now()
		ps.mu.Lock()
		ps.attempts = append(ps.attempts, a)
		ps.mu.Unlock()
	}
}

// firstAfter is when the first write was acknowledged that began after a moment; zero: none yet.
func (ps *probes) firstAfter(shard uint64, moment time.Time) time.Time {
	var first time.Time
	ps.each(func(a attempt) {
		if a.shard == shard && a.err == nil && a.call.After(moment) && (first.IsZero() || a.done.Before(first)) {
			first = a.done
		}
	})
	return first
}

// take returns the attempts so far and forgets them.
func (ps *probes) take() []attempt {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	taken := ps.attempts
	ps.attempts = nil
	return taken
}

func (ps *probes) each(f func(attempt)) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, a := range ps.attempts {
		f(a)
	}
}

func (ps *probes) close() {
	close(ps.stop)
	ps.wg.Wait()
}

// acknowledgements are the moments at which a shard's writes were acknowledged, in order.
func acknowledgements(attempts []attempt, shard uint64) []time.Time {
	var acks []time.Time
	for _, a := range attempts {
		if a.shard == shard && a.err == nil {
			acks = append(acks, a.done)
		}
	}
	slices.SortFunc(acks, time.Time.Compare)
	return acks
}

// longestPause is the longest time between two acknowledgements in a row of which the earlier came in [from, to).
func longestPause(acks []time.Time, from, to time.Time) Duration {
	longest := time.Duration(0)
	for i := 1; i < len(acks); i++ {
		if earlier := acks[i-1]; !earlier.Before(from) && earlier.Before(to) {
			longest = max(longest, acks[i].Sub(earlier))
		}
	}
	return Duration(longest)
}
