package meta

import (
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

func TestNodeThatDrainsGoesOnDrainingWhateverItRegisters(t *testing.T) {
	c := threeShards(t)
	draining := func() bool { n, _ := c.State().Node("node-2"); return n.Draining }
	if c.must(registerCommand(2, 1)); draining() {
		t.Fatal("a node drains from the beginning")
	}
	if r := c.must(drainCommand("node-2", true)); !r.Changed || !draining() {
		t.Fatalf("it does not drain: %+v", r)
	}
	c.must(registerCommand(2, 2))
	c.must(registerAt(2, 3, "10.9.9.9"))
	c.must(registerAt(4, 1, "10.9.9.9")) // takes its addresses away
	c.must(changesCommand(t, memoryOf("node-2", 3, 100)))
	if !draining() {
		t.Error("it has forgotten that it drains")
	}
	if r := c.must(drainCommand("node-2", true)); r.Changed {
		t.Error("the same again changed something")
	}
	if r := c.must(drainCommand("node-2", false)); !r.Changed || draining() {
		t.Errorf("it cannot be told to stop: %+v", r)
	}
}

func TestOnlyNodesOfTheClusterDrain(t *testing.T) {
	c := threeShards(t)
	c.must(registerCommand(4, 1))
	c.must(drainCommand("node-4", true))
	c.must(removeCommand("node-4"))
	if n, _ := c.State().Node("node-4"); n != (Node{ID: "node-4", Phase: NodeRemoved}) {
		t.Errorf("of a removed node is kept %+v", n)
	}
	c.refuse(apierr.KindNotFound, `"node-4" is not registered`, drainCommand("node-4", true))
	c.refuse(apierr.KindNotFound, `"node-9" is not registered`, drainCommand("node-9", false))
}
