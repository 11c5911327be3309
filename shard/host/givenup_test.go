package host

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/shard/placement"
)

// Lost nodes that came back and went on as the old cluster ask the leaders they hear of to take them in again.
func TestNodeThatWasGivenUpIsNotTakenIntoAShardAgain(t *testing.T) {
	h, _ := outsider(t, nil)
	h.watched.Store(clusterOf(t, "a", "b", "c", "self").State())
	h.lost = []string{"b"}
	add := func(node string) string {
		return h.ChangeMembersHere(t.Context(), 1, 3, placement.MemberChange{Kind: placement.AddLearner, Node: node}).Error()
	}
	if err := add("b"); !strings.Contains(err, "was given up") {
		t.Errorf("a node that was given up: %s", err)
	}
	if err := add("c"); strings.Contains(err, "was given up") {
		t.Errorf("another node: %s", err)
	}
}
