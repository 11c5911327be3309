package cluster

import (
	"fmt"
	"syscall"

	"github.com/holtcache/holt/tests/nemesis"
)

// Programs are nodes as faults of processes want them.
func Programs(nodes ...*Node) []nemesis.Program {
	var programs []nemesis.Program
	for _, n := range nodes {
		programs = append(programs, program{n})
	}
	return programs
}

// program is a node that says what goes wrong to its caller and not to the test.
type program struct{ *Node }

var _ nemesis.Program = program{}

func (p program) Signal(s syscall.Signal) error { return p.named(p.signal(s)) }

func (p program) Start() error { return p.named(p.start()) }

func (p program) Wait() (int, error) {
	code, err := p.run().Wait()
	return code, p.named(err)
}

func (p program) named(err error) error {
	if err != nil {
		return fmt.Errorf("node %d: %w", p.Number, err)
	}
	return nil
}
