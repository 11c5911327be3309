package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// program is a run of the steps by one library.
type program struct {
	name  string
	tell  func(line string) error
	lines chan string // what it says; closed once it has ended
	said  []string    // what of that was read
	err   error       // how it ended; read after lines was closed
}

// linesMax is more than a program ever says, so that none waits for the test to listen.
const linesMax = 100

// startGo starts a program in Go, which runs in this process.
func startGo(t *testing.T, name string, to target, run func(context.Context, *steps) error) *program {
	orders := make(chan string, linesMax)
	p := &program{name: name, lines: make(chan string, linesMax), tell: func(line string) error { orders <- line; return nil }}
	go func() {
		defer close(p.lines)
		p.err = run(t.Context(), &steps{to: to, orders: orders, lines: p.lines})
	}()
	t.Cleanup(p.end)
	return p
}

// start starts a program in another language and says what it is to connect to.
func start(t *testing.T, name string, to target, command ...string) *program {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	first, err := json.Marshal(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{name: name, lines: make(chan string, linesMax), tell: func(line string) error {
		_, err := io.WriteString(in, line+"\n")
		return err
	}}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.lines <- lines.Text()
		}
		if err := cmd.Wait(); err != nil {
			p.err = fmt.Errorf("%w\n%s", err, errs.String())
		}
	}()
	t.Cleanup(p.end)
	if err := p.tell(string(first)); err != nil {
		t.Fatal(err)
	}
	return p
}

// end waits for a program whose context is done.
func (p *program) end() {
	for range p.lines {
	}
}

// await reads what a program says up to a line.
func (p *program) await(ctx context.Context, want string) error {
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return fmt.Errorf("%s ended before it said %q: %w; it said %q", p.name, want, p.err, p.said)
			}
			p.said = append(p.said, line)
			if line == want {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("%s does not say %q: %w; it said %q", p.name, want, ctx.Err(), p.said)
		}
	}
}

// stop has a program end its writing, and returns what it wrote at each shard.
func (p *program) stop() ([]wrote, error) {
	if err := p.tell("stop"); err != nil {
		return nil, err
	}
	var shards []wrote
	for line := range p.lines {
		p.said = append(p.said, line)
		if report, ok := strings.CutPrefix(line, "wrote "); ok {
			var w wrote
			if err := json.Unmarshal([]byte(report), &w); err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			shards = append(shards, w)
		}
	}
	return shards, p.err
}

// missing lists the steps that a program has not said to hold.
func (p *program) missing(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(p.said, "ok "+name) })
}
