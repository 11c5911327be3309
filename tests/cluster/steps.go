package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/holtcache/holt/shard/migration"
)

// Steps stops migrations at their steps: the process that comes to one first stays there until it is let go, or killed.
type Steps struct{ dir string }

// NewSteps stops nothing yet. Its folder is gone at the end of the test.
func NewSteps(t T) *Steps {
	t.Helper()
	dir, err := os.MkdirTemp("", "holt-steps-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &Steps{dir: dir}
}

// Stop makes the next process that comes to a step stay there.
func (s *Steps) Stop(step migration.Step) error {
	return os.WriteFile(filepath.Join(s.dir, string(step)), nil, 0o600)
}

// At waits until a node of the cluster is at a step, and returns it.
func (s *Steps) At(c *Cluster, step migration.Step) (at *Node) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("a migration comes to %s", step), func() error {
		if at = s.at(c, step); at == nil {
			return fmt.Errorf("none is there")
		}
		return nil
	})
	return at
}

// AtUnlessEnded is At for one migration, nil where that has ended without coming to the step: an answer that is lost with its
// leader leaves some out.
func (s *Steps) AtUnlessEnded(c *Cluster, step migration.Step, id uint64) (at *Node) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("migration %d comes to %s", id, step), func() error {
		over, err := c.MigrationOver(id)
		if err != nil {
			return err
		}
		if at = s.at(c, step); at == nil && !over {
			return fmt.Errorf("it is not there")
		}
		return nil
	})
	return at
}

func (s *Steps) at(c *Cluster, step migration.Step) *Node {
	for _, n := range c.Running() {
		if _, err := os.Stat(s.taken(n, step)); err == nil {
			return n
		}
	}
	return nil
}

// GoOn lets the process go that is at a step.
func (s *Steps) GoOn(step migration.Step) error {
	taken, err := filepath.Glob(filepath.Join(s.dir, string(step)+".*"))
	for _, file := range taken {
		if err == nil {
			err = os.Remove(file)
		}
	}
	return err
}

// taken is the file that says that a node's process is at a step.
func (s *Steps) taken(n *Node, step migration.Step) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s.%d", step, n.run().PID()))
}
