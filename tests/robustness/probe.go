package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// probe writes to one shard without pause and follows redirects: what it cannot write, no client can.
type probe struct {
	addrs   []string
	timeout time.Duration // of one attempt at one node
	key     string

	at    string
	conns map[string]*workload.Conn
}

// redirectsMax is how often one request is sent on, as in the cluster clients of Redis.
const redirectsMax = 5

// write makes one attempt, redirects included.
func (p *probe) write(value string) error {
	var err error
	for range redirectsMax + 1 {
		if err = p.once(value); err == nil {
			return nil
		}
		var refused workload.ServerError
		if !errors.As(err, &refused) || !strings.HasPrefix(string(refused), "MOVED ") {
			break
		}
		p.at = strings.Fields(string(refused))[2]
	}
	p.next()
	return err
}

// next goes on with another node.
func (p *probe) next() {
	p.at = p.addrs[(slices.Index(p.addrs, p.at)+1)%len(p.addrs)]
}

func (p *probe) once(value string) error {
	conn := p.conns[p.at]
	if conn != nil && conn.Closed() {
		p.drop()
		conn = nil
	}
	if conn == nil {
		var err error
		if conn, err = workload.Dial(p.at, p.timeout); err != nil {
			return err
		}
		p.conns[p.at] = conn
	}
	reply, err := conn.Do(p.timeout, "SET", p.key, value)
	var refused workload.ServerError
	switch {
	case err == nil && reply != "OK":
		return fmt.Errorf("SET answered %v", reply)
	case err != nil && !errors.As(err, &refused):
		p.drop()
	}
	return err
}

func (p *probe) drop() {
	if conn := p.conns[p.at]; conn != nil {
		conn.Close()
		delete(p.conns, p.at)
	}
}

func (p *probe) close() {
	for _, conn := range p.conns {
		conn.Close()
	}
}

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

// longestPause is the longest time between two acknowledgements of a shard's writes.
func longestPause(attempts []attempt, shard uint64) time.Duration {
	var acks []time.Time
	for _, a := range attempts {
		if a.shard == shard && a.err == nil {
			acks = append(acks, a.done)
		}
	}
	slices.SortFunc(acks, time.Time.Compare)
	longest := time.Duration(0)
	for i := 1; i < len(acks); i++ {
		longest = max(longest, acks[i].Sub(acks[i-1]))
	}
	return longest
}
