package cluster

import (
	"fmt"
	"strings"

	"github.com/holtcache/holt/tests/workload"
)

// FillUntilStopped writes large values at a node, the i-th to key(i), until the node has stopped, and returns how many it
// tried. A log reserves room in advance, which is used up first.
func FillUntilStopped(t T, n *Node, key func(i int) string) (writes int) {
	t.Helper()
	value := strings.Repeat("x", 1<<20)
	Eventually(t, fmt.Sprintf("node %d stops", n.Number), func() error {
		if !n.Running() {
			return nil
		}
		conn, err := workload.Dial(n.Addr.RESP, workload.RequestTimeout)
		if err != nil {
			return err
		}
		defer conn.Close()
		for err == nil {
			_, err = conn.Do(workload.RequestTimeout, "SET", key(writes), value)
			writes++
		}
		return fmt.Errorf("write %d: %w", writes, err)
	})
	return writes
}
