package nemesis

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// LowMemory lets a program have little more memory than it has. The kernel refuses the rest, and what the program makes of
// that is its own affair; most end.
type LowMemory struct {
	Program Program
	// RoomBytes is how much more address space it gets.
	RoomBytes uint64

	pid   int
	ended bool
}

var _ Fault = (*LowMemory)(nil)

func (m *LowMemory) Name() string { return fmt.Sprintf("%d MiB of memory left", m.RoomBytes>>20) }

func (m *LowMemory) Missing() error { return missingCommands() }

func (m *LowMemory) Begin() error {
	m.ended = false
	if !m.Program.Running() {
		return fmt.Errorf("process %d does not run", m.Program.PID())
	}
	m.pid = m.Program.PID()
	has, err := addressSpace(m.pid)
	if err != nil {
		return err
	}
	return m.limit(has + m.RoomBytes)
}

func (m *LowMemory) limit(bytes uint64) error {
	if err := unix.Prlimit(m.pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
		return fmt.Errorf("limit the address space of process %d: %w", m.pid, err)
	}
	return nil
}

// addressSpace is what the limit counts.
func addressSpace(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[0], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// End starts it again where it has ended, and takes the limit away where not.
func (m *LowMemory) End() error {
	if m.Program.Running() {
		if err := m.limit(unix.RLIM_INFINITY); !errors.Is(err, syscall.ESRCH) {
			return err
		}
		if _, err := m.Program.Wait(); err != nil {
			return err
		}
	}
	m.ended = true
	return m.Program.Start()
}

// TookEffect wants the program to have ended: of one that coped nothing is known.
func (m *LowMemory) TookEffect() error {
	if !m.ended {
		return fmt.Errorf("process %d had enough memory", m.pid)
	}
	return nil
}
