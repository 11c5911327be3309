package main

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
)

// step is one piece of work with a cluster of its own: what *testing.T is to a test. One runs at a time, since two on two
// cores would make elections that no fault has caused.
type step struct {
	began time.Time
	out   io.Writer // where it tells what happens; nil: nowhere

	mu       sync.Mutex // protects the fields below
	failures []string
	kept     int // how many of the failures have been reported with all that belongs to them
	skipped  string
	cleanups []func()
}

var (
	_ cluster.T = (*step)(nil)
	_ nemesis.T = (*step)(nil)
)

// do runs the work until it returns, fails or is skipped, and cleans up behind it.
func (s *step) do(work func()) {
	s.began = time.Now()
	s.apart(work)
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			return
		}
		last := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		s.apart(last)
	}
}

// apart runs a function on a goroutine that Fatalf may end.
func (s *step) apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (s *step) Helper() {}

// Logf tells what happens.
func (s *step) Logf(format string, args ...any) {
	if s.out != nil {
		fmt.Fprintf(s.out, "%8.3f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// Errorf says that the step has failed, and lets it go on.
func (s *step) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.failures = append(s.failures, text)
	s.mu.Unlock()
}

// Fatalf says that the step has failed, and ends it.
func (s *step) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf says that this machine cannot do the step, and ends it.
func (s *step) Skipf(format string, args ...any) {
	s.mu.Lock()
	s.skipped = fmt.Sprintf(format, args...)
	s.mu.Unlock()
	runtime.Goexit()
}

// Failed tells whether something has failed of which nothing has been kept yet.
func (s *step) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failures) > s.kept
}

// forget says that everything worth it was kept of the failures so far.
func (s *step) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = len(s.failures)
}

func (s *step) failed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures[:len(s.failures):len(s.failures)]
}

func (s *step) skip() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped
}

// Cleanup has something done at the end, the last first.
func (s *step) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}
