package nemesis

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Injection changes what calls of a process into the kernel do, by strace.
type Injection struct {
	// PID is the process, with all of its threads.
	PID int
	// Calls are names of system calls, with commas between them.
	Calls string

	what   string
	action string // as of strace -e inject
	mark   string // what strace writes once it has acted

	cmd    *exec.Cmd
	output string
	said   locked
}

var _ Fault = (*Injection)(nil)

// FailingOnce makes the first of the calls that each thread does fail with EIO. The same call works again.
func FailingOnce(pid int, calls string) *Injection {
	return &Injection{PID: pid, Calls: calls, what: "one failing " + calls, action: "error=EIO:when=1", mark: "(INJECTED)"}
}

// Hanging makes the calls hang until the end of the fault.
func Hanging(pid int, calls string) *Injection {
	return &Injection{PID: pid, Calls: calls, what: "hanging " + calls, action: fmt.Sprintf("delay_enter=%d", time.Hour.Microseconds()), mark: "("}
}

func (i *Injection) Name() string { return i.what }

func (i *Injection) Missing() error { return missingStrace() }

// attachMax bounds how long strace may take to hold all threads of a process.
const attachMax = 30 * time.Second

func (i *Injection) Begin() error {
	file, err := os.CreateTemp("", "holt-strace-")
	if err != nil {
		return err
	}
	i.output = file.Name()
	if err := file.Close(); err != nil {
		return err
	}
	i.said.reset()
	i.cmd = exec.Command("strace", "-f", "-p", fmt.Sprint(i.PID), "-o", i.output,
		"-e", "trace="+i.Calls, "-e", "inject="+i.Calls+":"+i.action)
	i.cmd.Stderr = &i.said
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} // who dies lets go of the process
	if err := i.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(attachMax); !strings.Contains(i.said.String(), "attached"); time.Sleep(time.Millisecond) {
		if i.cmd.Process.Signal(syscall.Signal(0)) != nil || time.Now().After(end) || strings.Contains(i.said.String(), "attach:") {
			return errors.Join(fmt.Errorf("strace could not attach to process %d: %s", i.PID, i.said.String()), i.End(), os.Remove(i.output))
		}
	}
	return nil
}

// End lets go of the process. It may have ended meanwhile.
func (i *Injection) End() error {
	if err := i.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = i.cmd.Wait() // it ends by the signal, or as the process did
	return nil
}

func (i *Injection) TookEffect() error {
	calls, err := os.ReadFile(i.output)
	if err != nil {
		return err
	}
	if err := os.Remove(i.output); err != nil {
		return err
	}
	for _, line := range strings.Split(string(calls), "\n") {
		for _, name := range strings.Split(i.Calls, ",") {
			if strings.Contains(line, name+"(") && strings.Contains(line, i.mark) {
				return nil
			}
		}
		if strings.Contains(line, "resumed>") && strings.Contains(line, i.mark) {
			return nil // the call began on an earlier line
		}
	}
	return fmt.Errorf("strace saw no %s of process %d: %s", i.Calls, i.PID, i.said.String())
}

// locked is a buffer for one writer and one reader.
type locked struct {
	mu  sync.Mutex // protects the field below
	buf bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *locked) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

// missingStrace tries both an error and a process that runs already.
var missingStrace = sync.OnceValue(func() error {
	if err := missingCommands("strace"); err != nil {
		return err
	}
	child := exec.Command("cat")
	input, err := child.StdinPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	defer func() {
		_ = input.Close()
		_ = child.Wait()
	}()
	i := FailingOnce(child.Process.Pid, "fdatasync")
	if err := i.Begin(); err != nil {
		return fmt.Errorf("no strace of another process: %w", err)
	}
	return errors.Join(i.End(), os.Remove(i.output))
})
