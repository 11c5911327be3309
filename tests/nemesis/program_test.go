package nemesis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// worker in the environment makes this program one that answers lines. "eat N" takes N MiB first. It ends on SIGTERM with
// exit code 0.
const worker = "HOLT_NEMESIS_WORKER"

func work() error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		os.Exit(0)
	}()
	fmt.Println("begun")
	var eaten [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if amount, found := strings.CutPrefix(lines.Text(), "eat "); found {
			size, err := strconv.Atoi(amount)
			if err != nil {
				return err
			}
			eaten = append(eaten, make([]byte, size<<20))
		}
		fmt.Println(lines.Text(), len(eaten))
	}
	return lines.Err()
}

// program is such a program.
type program struct {
	t *testing.T

	mu     sync.Mutex // protects the fields below
	cmd    *exec.Cmd
	in     io.Writer
	out    *bufio.Reader
	ended  chan struct{}
	starts int
}

var _ Program = (*program)(nil)

func startProgram(t *testing.T) *program {
	t.Helper()
	p := &program{t: t}
	must(t, p.Start())
	t.Cleanup(func() {
		must(t, p.Signal(syscall.SIGKILL))
		<-p.ended
	})
	return p
}

func (p *program) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), worker+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = write
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.cmd, p.in, p.out, p.ended = cmd, in, bufio.NewReader(read), ended
	p.starts++
	go func() {
		_ = cmd.Wait()
		_ = write.Close()
		close(ended)
	}()
	line, err := p.out.ReadString('\n') // from here on it handles signals
	if err == nil && line != "begun\n" {
		err = errors.New(line)
	}
	return err
}

func (p *program) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

func (p *program) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *program) Signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (p *program) Wait() (int, error) {
	p.mu.Lock()
	ended, cmd := p.ended, p.cmd
	p.mu.Unlock()
	<-ended
	return cmd.ProcessState.ExitCode(), nil
}

// ask has a line answered.
func (p *program) ask(line string) (string, error) {
	p.mu.Lock()
	in, out := p.in, p.out
	p.mu.Unlock() // a program may be paused, and goes on by a signal
	if _, err := fmt.Fprintln(in, line); err != nil {
		return "", err
	}
	answer, err := out.ReadString('\n')
	return strings.TrimSpace(answer), err
}

func (p *program) answers() {
	p.t.Helper()
	if got, err := p.ask("hello"); err != nil || got != "hello 0" {
		p.t.Errorf("answer %q, %v", got, err)
	}
}

func TestKilledProgramsAreStartedAgain(t *testing.T) {
	a, b := startProgram(t), startProgram(t)
	During(t, &Kill{Programs: []Program{a, b}}, func() {
		if a.Running() || b.Running() {
			t.Error("a killed program runs")
		}
	})
	a.answers()
	b.answers()
}

func TestTerminatedProgramsAreStartedAgain(t *testing.T) {
	a := startProgram(t)
	During(t, &Terminate{Programs: []Program{a}}, func() {
		if a.Running() {
			t.Error("it runs")
		}
	})
	a.answers()
}

func TestProgramThatDoesNotRunCannotFail(t *testing.T) {
	a := startProgram(t)
	must(t, a.Signal(syscall.SIGKILL))
	_, _ = a.Wait()
	for _, f := range []Fault{
		&Kill{Programs: []Program{a}}, &Terminate{Programs: []Program{a}}, &Pause{Programs: []Program{a}}, &Pause{},
		&Slowness{Program: a, Share: 0.5}, &LowMemory{Program: a},
	} {
		if f.Begin() == nil {
			t.Errorf("%s: it began", f.Name())
		}
		if f.TookEffect() == nil {
			t.Errorf("%s: it took effect", f.Name())
		}
	}
}

func TestRollingRestartsOneAfterAnother(t *testing.T) {
	programs := []*program{startProgram(t), startProgram(t), startProgram(t)}
	r := &Rolling{Ready: func() error {
		for _, p := range programs {
			if _, err := p.ask("hello"); err != nil {
				return err
			}
		}
		return nil
	}}
	for _, p := range programs {
		r.Programs = append(r.Programs, p)
	}
	During(t, r, func() {})
	for _, p := range programs {
		if p.starts != 2 {
			t.Errorf("%d starts", p.starts)
		}
		p.answers()
	}
}

func TestPausedProgramAnswersAfterwards(t *testing.T) {
	p := startProgram(t)
	answer := make(chan string, 1)
	During(t, &Pause{Programs: []Program{p}}, func() {
		go func() {
			got, err := p.ask("hello")
			answer <- fmt.Sprint(got, err)
		}()
		select {
		case got := <-answer:
			t.Errorf("it answers %s", got)
		case <-time.After(neverMax):
		}
	})
	if got := <-answer; got != "hello 0<nil>" {
		t.Error(got)
	}
}

func TestProgramThatWentOnBeforeTheEndWasNotPaused(t *testing.T) {
	p := startProgram(t)
	pause := &Pause{Programs: []Program{p}}
	must(t, pause.Begin())
	must(t, p.Signal(syscall.SIGCONT))
	p.answers()
	must(t, pause.End())
	if pause.TookEffect() == nil {
		t.Error("it took effect")
	}
}

func TestSlowProgramStillAnswers(t *testing.T) {
	p := startProgram(t)
	s := &Slowness{Program: p, Share: 0.1}
	During(t, s, func() {
		for s.pauses.Load() < 3 {
			p.answers()
		}
	})
	if stopped, err := isStopped(p.PID()); err != nil || stopped {
		t.Errorf("stopped afterwards: %v, %v", stopped, err)
	}
}

func TestProgramWithoutMemoryEndsAndIsStartedAgain(t *testing.T) {
	p := startProgram(t)
	During(t, &LowMemory{Program: p, RoomBytes: 64 << 20}, func() {
		if got, err := p.ask("eat 500"); err == nil {
			t.Errorf("it ate: %s", got)
		}
	})
	p.answers()
}

func TestProgramWithEnoughMemoryNoticedNothing(t *testing.T) {
	p := startProgram(t)
	m := &LowMemory{Program: p, RoomBytes: 64 << 20}
	Need(t, m)
	must(t, m.Begin())
	p.answers()
	must(t, m.End())
	if m.TookEffect() == nil {
		t.Error("it took effect")
	}
	if got, err := p.ask("eat 500"); err != nil {
		t.Errorf("afterwards: %s, %v", got, err)
	}
}
