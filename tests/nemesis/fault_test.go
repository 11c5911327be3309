package nemesis

import (
	"runtime"
	"testing"
)

// counted is a fault that only counts.
type counted struct {
	always
	begins, ends int
}

func (*counted) Name() string        { return "nothing" }
func (c *counted) Begin() error      { c.begins++; return nil }
func (c *counted) End() error        { c.ends++; return nil }
func (c *counted) TookEffect() error { return nil }

// A test that fails in the middle of a fault has to end it: whoever cleans up after it could wait for ever, for a node whose
// disk hangs.
func TestFaultEndsOnceAlsoWhereTheTestFails(t *testing.T) {
	for name, what := range map[string]func(){"passes": func() {}, "fails": runtime.Goexit} {
		f, done := &counted{}, make(chan struct{})
		go func() {
			defer close(done)
			During(t, f, what)
		}()
		<-done
		if f.begins != 1 || f.ends != 1 {
			t.Errorf("a test that %s: the fault began %d times and ended %d times", name, f.begins, f.ends)
		}
	}
}
