package cluster_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// oneShard makes it plain who leads and who follows.
var oneShard = &clusterv1.Settings{Shards: 1}

// writesBetween is how many writes are acknowledged at least before, during and after each fault.
const writesBetween = 60

// instant waits until a fault shall begin: after a number of writes that is drawn.
func instant(t *testing.T, run *workload.Run, random *rand.Rand) {
	t.Helper()
	progress(t, run, "before the fault", writesBetween+random.IntN(3*writesBetween))
}

// drawing is the source of what is random in a test beside the workload.
func drawing() *rand.Rand { return rand.New(rand.NewPCG(*seed, 77)) }

// settled ends a test of faults: everything works again, everybody holds the same, and nothing acknowledged is lost.
func settled(t *testing.T, c *cluster.Cluster, run *workload.Run, shards []uint64) {
	t.Helper()
	allReady(t, c)
	progress(t, run, "after all faults", writesBetween)
	if err := run.Stop(); err != nil {
		t.Error(err)
	}
	judgeWrites(t, c, run, shards)
	sameOnAllReplicas(t, c, run)
}

// allReady waits until all nodes run and serve every slot. One that has ended will not.
func allReady(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cluster.Eventually(t, "all nodes are ready", func() error {
		for _, n := range c.Nodes {
			if !n.Running() {
				return cluster.Never(fmt.Errorf("node %d has ended", n.Number))
			}
			if err := n.Ready(); err != nil {
				return err
			}
		}
		return nil
	})
}

// follower is a node that does not lead a shard.
func follower(c *cluster.Cluster, shard uint64) *cluster.Node {
	leader := c.Leader(shard).Node
	for _, n := range c.Nodes {
		if n != leader {
			return n
		}
	}
	return nil
}

// What nodes say of the amnesia guard.
const (
	guardOn   = `level=WARN msg="replica neither votes nor campaigns`
	guardHeld = "replica stays guarded"
	guardOff  = "replica votes again"
)

// logFrom remembers what a node has said, and returns a function for what it has said since.
func logFrom(n *cluster.Node) func() string {
	from := len(n.Log())
	return func() string { return n.Log()[from:] }
}

// waitGuardEnds waits until a node, since, says of every replica that was guarded that it votes again. At least one was.
func waitGuardEnds(t *testing.T, n *cluster.Node, since func() string) {
	t.Helper()
	cluster.Eventually(t, fmt.Sprintf("node %d is guarded until it has caught up", n.Number), func() error {
		if !n.Running() {
			return cluster.Never(errors.New("it has ended"))
		}
		on, off := strings.Count(since(), guardOn), strings.Count(since(), guardOff)
		if on == 0 || off < on {
			return fmt.Errorf("%d replicas guarded, %d votes again", on, off)
		}
		return nil
	})
}

// refuses starts a node that must not start, and returns what it says.
func refuses(t *testing.T, n *cluster.Node) string {
	t.Helper()
	since := logFrom(n)
	n.Start()
	if code := n.WaitExit(); code == 0 {
		t.Errorf("node %d: exit code 0, want a refusal; it says:\n%s", n.Number, since())
	}
	return since()
}

// says checks that a node's words are those that a person needs.
func says(t *testing.T, n *cluster.Node, words string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(words, want) {
			t.Errorf("node %d says nothing of %q:\n%s", n.Number, want, words)
		}
	}
}

// newestSegment is the file of a stopped node's log that was written last.
func newestSegment(t *testing.T, n *cluster.Node) string {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(n.Dir, "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("node %d: %d segments, %v", n.Number, len(segments), err)
	}
	return segments[len(segments)-1]
}

// acceptLoss leaves a stopped node word that entries which are missing are accepted as lost.
func acceptLoss(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.Dir, "accept-data-loss"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// damaged lets a damage happen to a file of a stopped node.
func damaged(t *testing.T, d *nemesis.Damage) {
	t.Helper()
	nemesis.During(t, d, func() { t.Logf("%s from offset %d on", d.Name(), d.Offset()) })
}
