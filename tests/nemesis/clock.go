package nemesis

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Clock is a wall clock that can be wrong, of a program that is built to ask it: one that adds nanoseconds from a file to
// the machine's clock. The kernel has one wall clock for all.
type Clock struct {
	// File holds two integers of 64 bits in the order of the machine: nanoseconds to add, and how often a program has read
	// the clock while these were not 0.
	File string

	steps *[2]atomic.Int64
}

// NewClock makes a clock that is right. It is gone at the end of the test.
func NewClock(t T) *Clock {
	t.Helper()
	c, err := newClock(t.Cleanup)
	if err != nil {
		t.Fatalf("clock: %v", err)
	}
	return c
}

func newClock(cleanup func(func())) (*Clock, error) {
	dir, err := os.MkdirTemp("", "holt-clock-")
	if err != nil {
		return nil, err
	}
	cleanup(func() { _ = os.RemoveAll(dir) })
	c := &Clock{File: filepath.Join(dir, "clock")}
	const size = int(unsafe.Sizeof([2]atomic.Int64{}))
	if err := os.WriteFile(c.File, make([]byte, size), 0o600); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(c.File, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	mapped, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	cleanup(func() {
		c.steps = nil
		_ = syscall.Munmap(mapped)
	})
	c.steps = (*[2]atomic.Int64)(unsafe.Pointer(&mapped[0]))
	return c, nil
}

// ClockStep sets clocks forward or back, and right again.
type ClockStep struct {
	always
	Clocks []*Clock
	By     time.Duration

	read []int64 // how often each was read, first before the step and then while it was wrong
}

var _ Fault = (*ClockStep)(nil)

func (s *ClockStep) Name() string { return fmt.Sprintf("%d clocks wrong by %v", len(s.Clocks), s.By) }

func (s *ClockStep) Begin() error {
	if len(s.Clocks) == 0 || s.By == 0 {
		return errors.New("no clock is set")
	}
	s.read = make([]int64, len(s.Clocks))
	for i, c := range s.Clocks {
		s.read[i] = c.steps[1].Load()
		c.steps[0].Add(int64(s.By))
	}
	return nil
}

func (s *ClockStep) End() error {
	for i, c := range s.Clocks {
		c.steps[0].Add(-int64(s.By))
		s.read[i] = c.steps[1].Load() - s.read[i]
	}
	return nil
}

// TookEffect wants somebody to have looked at one of them.
func (s *ClockStep) TookEffect() error {
	for _, read := range s.read {
		if read > 0 {
			return nil
		}
	}
	return errors.New("nobody has read a wrong clock")
}
