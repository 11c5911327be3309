package nemesis

import (
	"errors"
	"fmt"
	"syscall"
)

// Kill ends programs as kill -9 does, all at once, and starts them again.
type Kill struct {
	always
	Programs []Program

	killed int
}

var _ Fault = (*Kill)(nil)

func (k *Kill) Name() string { return fmt.Sprintf("kill -9 of %d programs", len(k.Programs)) }

func (k *Kill) Begin() error {
	k.killed = 0
	if err := signalAll(k.Programs, syscall.SIGKILL); err != nil {
		return err
	}
	for _, p := range k.Programs {
		code, err := p.Wait()
		if err != nil {
			return err
		}
		if code == -1 {
			k.killed++
		}
	}
	return nil
}

// End starts them again and waits for nothing.
func (k *Kill) End() error { return startAll(k.Programs) }

func (k *Kill) TookEffect() error {
	if k.killed != len(k.Programs) || k.killed == 0 {
		return fmt.Errorf("%d of %d processes ended by a signal", k.killed, len(k.Programs))
	}
	return nil
}

// Terminate asks programs to end, all at once, and starts them again. They have to end with exit code 0.
type Terminate struct {
	always
	Programs []Program

	ended int
}

var _ Fault = (*Terminate)(nil)

func (k *Terminate) Name() string { return fmt.Sprintf("SIGTERM to %d programs", len(k.Programs)) }

func (k *Terminate) Begin() error {
	k.ended = 0
	if err := signalAll(k.Programs, syscall.SIGTERM); err != nil {
		return err
	}
	var errs []error
	for _, p := range k.Programs {
		errs = append(errs, ended(p))
	}
	k.ended = len(k.Programs)
	return errors.Join(errs...)
}

// ended is nil once a program has ended in good order.
func ended(p Program) error {
	code, err := p.Wait()
	if err == nil && code != 0 {
		err = fmt.Errorf("process %d: exit code %d after SIGTERM, want 0", p.PID(), code)
	}
	return err
}

// End starts them again and waits for nothing.
func (k *Terminate) End() error { return startAll(k.Programs) }

func (k *Terminate) TookEffect() error {
	if k.ended == 0 {
		return errors.New("no process ended")
	}
	return nil
}
