package nemesis

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Pause stops programs in mid-air, all at once: their sockets stay open and take bytes, and nobody answers.
type Pause struct {
	always
	Programs []Program

	stood int
}

var _ Fault = (*Pause)(nil)

func (p *Pause) Name() string { return fmt.Sprintf("pause of %d programs", len(p.Programs)) }

func (p *Pause) Begin() error {
	p.stood = 0
	if err := signalAll(p.Programs, syscall.SIGSTOP); err != nil {
		return err
	}
	for _, one := range p.Programs {
		if err := awaitStopped(one.PID()); err != nil {
			return errors.Join(err, p.End())
		}
	}
	return nil
}

// End lets them go on.
func (p *Pause) End() error {
	var errs []error
	for _, one := range p.Programs {
		if stopped, err := isStopped(one.PID()); err == nil && stopped {
			p.stood++
		}
		errs = append(errs, one.Signal(syscall.SIGCONT))
	}
	return errors.Join(errs...)
}

func (p *Pause) TookEffect() error {
	if p.stood != len(p.Programs) || p.stood == 0 {
		return fmt.Errorf("%d of %d processes stood still until the end", p.stood, len(p.Programs))
	}
	return nil
}

// Slowness gives a program a share of the time that it wants: it is paused for some milliseconds again and again.
type Slowness struct {
	always
	Program Program
	// Share of the time is what the program gets, between 0 and 1.
	Share float64

	stop   chan struct{}
	wg     sync.WaitGroup
	err    error // written while it runs, and read afterwards
	pauses atomic.Int64
}

var _ Fault = (*Slowness)(nil)

func (s *Slowness) Name() string {
	return fmt.Sprintf("a program gets %.0f %% of its time", 100*s.Share)
}

// slownessPeriod is shorter than what programs take for a failure, and longer than what a scheduler does anyway.
const slownessPeriod = 50 * time.Millisecond

func (s *Slowness) Begin() error {
	if s.Share <= 0 || s.Share >= 1 {
		return fmt.Errorf("a share of %v: use one between 0 and 1", s.Share)
	}
	if !s.Program.Running() {
		return fmt.Errorf("process %d does not run", s.Program.PID())
	}
	s.err, s.stop = nil, make(chan struct{})
	s.pauses.Store(0)
	pid := s.Program.PID()
	s.wg.Go(func() { s.err = s.run(pid) })
	return nil
}

// run sends signals to the process itself: to who looks at the program, it runs.
func (s *Slowness) run(pid int) error {
	on := time.Duration(float64(slownessPeriod) * s.Share)
	for {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		s.pauses.Add(1)
		goesOn := s.wait(slownessPeriod - on)
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil || !goesOn || !s.wait(on) {
			return err
		}
	}
}

// wait tells whether it goes on.
func (s *Slowness) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.stop:
		return false
	case <-timer.C:
		return true
	}
}

func (s *Slowness) End() error {
	close(s.stop)
	s.wg.Wait()
	return s.err
}

// TookEffect wants pauses, and a process that has outlived them.
func (s *Slowness) TookEffect() error {
	if n := s.pauses.Load(); n < 2 {
		return fmt.Errorf("%d pauses", n)
	}
	return nil
}
