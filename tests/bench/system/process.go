package system

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopMax is how long a process may take to end in good order: longer than three nodes that leave one after another.
const stopMax = 45 * time.Second

// process is a child process with its output in a file.
type process struct {
	name  string
	log   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when err is set
	err   error
}

// start runs a program until stop. The thread that calls it has to live as long: the kernel tells the child when that
// thread is gone, so that a killed benchmark leaves nothing behind.
func start(log string, env []string, program string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: filepath.Base(program), log: log, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop asks the process to end, and kills it with its children if it does not.
func (p *process) stop() error {
	children, _ := childrenOf(p.pid()) // none where it has ended
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopMax)
	defer timer.Stop()
	select {
	case <-p.ended:
		var status *exec.ExitError
		if errors.As(p.err, &status) && status.ExitCode() > 0 {
			return fmt.Errorf("%s: %w: %s", p.name, p.err, p.lastWords())
		}
		return nil
	case <-timer.C:
	}
	for _, pid := range append(children, p.pid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
	}
	<-p.ended
	return fmt.Errorf("%s did not end within %v and was killed", p.name, stopMax)
}

func (p *process) lastWords() string { return lastLine(p.log) }

// lastLine is the last line of a file, or why it cannot be read.
func lastLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

// childrenOf lists the processes that pid has started.
func childrenOf(pid int) ([]int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		for field := range strings.FieldsSeq(string(data)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}
