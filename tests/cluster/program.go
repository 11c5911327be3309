package cluster

import (
	"os"
	"path/filepath"
)

// Program is a run of the program that is no node of a Cluster: one that is refused, a tool, `holt dev`.
type Program struct {
	*Process
	output string
	t      T
}

// Run starts the program with its output in a file. It is killed at the end of the test where it still runs.
func Run(t T, args ...string) *Program {
	t.Helper()
	path, err := Binary()
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir, err := os.MkdirTemp("", "holt-run-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &Program{output: filepath.Join(dir, "output"), t: t}
	if p.Process, err = startProcess(path, p.output, args...); err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Logf("%v", err)
		}
		if t.Failed() {
			t.Logf("output of holt %v:\n%s", args, p.Output())
		}
		_ = os.RemoveAll(dir)
	})
	return p
}

// Output is what the program has said so far.
func (p *Program) Output() string {
	data, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Exit returns exit code and output of a program that ends by itself.
func (p *Program) Exit() (int, string) {
	p.t.Helper()
	code, err := p.Wait()
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return code, p.Output()
}
