package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Flapping lets a fault come and go. It is a link that flaps where the fault is a Cut, and a clock that strobes where it is
// a ClockStep.
type Flapping struct {
	Fault Fault
	// Random draws how long it lasts each time, and how long it stays away: up to the following, and at least a tenth.
	Random  *rand.Rand
	On, Off time.Duration

	stop   chan struct{}
	wg     sync.WaitGroup
	err    error // written while it runs, and read afterwards
	rounds atomic.Int64
	noted  atomic.Int64 // rounds that took effect
}

var _ Fault = (*Flapping)(nil)

func (f *Flapping) Name() string { return "flapping: " + f.Fault.Name() }

func (f *Flapping) Missing() error { return f.Fault.Missing() }

// Begin lets it come for the first time.
func (f *Flapping) Begin() error {
	if f.On <= 0 || f.Off <= 0 {
		return fmt.Errorf("%s: %v on, %v off: say for how long", f.Name(), f.On, f.Off)
	}
	f.err = nil
	f.rounds.Store(0)
	f.noted.Store(0)
	f.stop = make(chan struct{})
	if err := f.Fault.Begin(); err != nil {
		return err
	}
	f.wg.Go(f.run)
	return nil
}

func (f *Flapping) run() {
	for {
		goesOn := f.wait(f.On)
		f.err = f.Fault.End()
		f.rounds.Add(1)
		if f.Fault.TookEffect() == nil {
			f.noted.Add(1)
		}
		if f.err != nil || !goesOn || !f.wait(f.Off) {
			return
		}
		if f.err = f.Fault.Begin(); f.err != nil {
			return
		}
	}
}

// wait tells whether it goes on.
func (f *Flapping) wait(longest time.Duration) bool {
	timer := time.NewTimer(longest/10 + time.Duration(f.Random.Int64N(int64(longest)))*9/10)
	defer timer.Stop()
	select {
	case <-f.stop:
		return false
	case <-timer.C:
		return true
	}
}

func (f *Flapping) End() error {
	close(f.stop)
	f.wg.Wait()
	return f.err
}

// Rounds is how often it has come and gone.
func (f *Flapping) Rounds() int { return int(f.rounds.Load()) }

// TookEffect wants more than one round that did: otherwise nothing flapped.
func (f *Flapping) TookEffect() error {
	if noted := f.noted.Load(); noted < 2 {
		return errors.Join(fmt.Errorf("%d of %d rounds took effect, want two", noted, f.Rounds()), f.Fault.TookEffect())
	}
	return nil
}
