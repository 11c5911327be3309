package system

import (
	"bytes"
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
func start(log, program string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: filepath.Base(program), log: log, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
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

func (p *process) lastWords() string {
	data, err := os.ReadFile(p.log)
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

// tick is the unit of /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPUTime is what the processes have used so far, in user and in kernel mode. Work that the kernel does on its own
// threads for them, writing to disk say, is not in it.
func CPUTime(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		t, err := parseStat(data)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		sum += t
	}
	return sum, nil
}

// parseStat adds utime and stime, fields 14 and 15 of proc(5). The name in field 2 may hold spaces and brackets.
func parseStat(data []byte) (time.Duration, error) {
	const afterName, utime, stime = 3, 14, 15
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) <= stime-afterName {
		return 0, errors.New("too few fields")
	}
	var ticks uint64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseUint(string(fields[i-afterName]), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
