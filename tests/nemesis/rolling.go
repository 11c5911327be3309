package nemesis

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// Rolling restarts programs one after another, in good order, as an upgrade does. It goes on by itself from its beginning,
// and ends when all were restarted.
type Rolling struct {
	always
	Programs []Program
	// Ready is nil when the next program may be restarted.
	Ready func() error

	wg        sync.WaitGroup
	err       error // written while it runs, and read afterwards
	restarted int
}

var _ Fault = (*Rolling)(nil)

func (r *Rolling) Name() string {
	return fmt.Sprintf("rolling restart of %d programs", len(r.Programs))
}

func (r *Rolling) Begin() error {
	r.err, r.restarted = nil, 0
	r.wg.Go(func() {
		for _, p := range r.Programs {
			if r.err = r.restart(p); r.err != nil {
				return
			}
			r.restarted++
		}
	})
	return nil
}

func (r *Rolling) restart(p Program) error {
	if err := signalAll([]Program{p}, syscall.SIGTERM); err != nil {
		return err
	}
	if err := ended(p); err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	return r.awaitReady()
}

const (
	// readyMax bounds how long one program may take to be ready again. Only one that is broken takes it.
	readyMax = 2 * time.Minute
	// readyEvery is how often it is asked.
	readyEvery = 20 * time.Millisecond
)

func (r *Rolling) awaitReady() error {
	for end := time.Now().Add(readyMax); ; time.Sleep(readyEvery) {
		err := r.Ready()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not ready again within %v: %w", readyMax, err)
		}
	}
}

// End waits for the last one.
func (r *Rolling) End() error {
	r.wg.Wait()
	return r.err
}

func (r *Rolling) TookEffect() error {
	if r.restarted == 0 {
		return errors.New("no program was restarted")
	}
	return nil
}
