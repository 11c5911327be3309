package nemesis

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Program is something that runs in one process at a time.
type Program interface {
	// PID is the id of the process, which is there or was the last one.
	PID() int
	// Running tells whether there is a process, paused or not.
	Running() bool
	// Signal sends the process a signal; one that has ended is left alone.
	Signal(syscall.Signal) error
	// Wait returns when the process has ended, with its exit code, which is -1 after a signal, or gives up.
	Wait() (int, error)
	// Start starts a process and returns at once.
	Start() error
}

// always is a fault that every machine can have.
type always struct{}

func (always) Missing() error { return nil }

// signalAll sends programs a signal, as nearly at once as can be.
func signalAll(programs []Program, s syscall.Signal) error {
	if len(programs) == 0 {
		return errors.New("no program")
	}
	for _, p := range programs {
		if !p.Running() {
			return fmt.Errorf("process %d does not run", p.PID())
		}
	}
	var errs []error
	for _, p := range programs {
		errs = append(errs, p.Signal(s))
	}
	return errors.Join(errs...)
}

// startAll starts those that do not run.
func startAll(programs []Program) error {
	var errs []error
	for _, p := range programs {
		if !p.Running() {
			errs = append(errs, p.Start())
		}
	}
	return errors.Join(errs...)
}

// stopMax bounds how long a process may take to stop.
const stopMax = 30 * time.Second

// awaitStopped returns when a process stands still. A signal takes its time, above all where the process waits for a disk.
func awaitStopped(pid int) error {
	for end := time.Now().Add(stopMax); ; time.Sleep(time.Millisecond) {
		stopped, err := isStopped(pid)
		if err != nil || stopped {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("process %d does not stop within %v", pid, stopMax)
		}
	}
}

// isStopped reads the state of a process; the name of its program stands before it in parentheses.
func isStopped(pid int) (bool, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false, err
	}
	return strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " T"), nil
}
