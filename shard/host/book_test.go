package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/raftfsm/meta"
)

func TestBookBelievesTheLaterStart(t *testing.T) {
	b := NewBook()
	at := func(start uint64, addr string) meta.Node {
		return meta.Node{ID: "a", StartCount: start, Addresses: meta.Addresses{Cluster: addr, Gossip: addr}}
	}
	for _, c := range []struct {
		note meta.Node
		want string
	}{
		{at(2, "two:1"), "two:1"},
		{at(1, "one:1"), "two:1"},
		{at(2, "again:1"), "again:1"},
		{at(3, ""), "again:1"}, // its address was taken over: nothing to go by
		{at(3, "three:1"), "three:1"},
		{at(4, strings.Repeat("x", bookTextMax+1)), "three:1"},
	} {
		b.Note(c.note)
		if got, ok := b.ClusterAddr("a"); !ok || got != c.want {
			t.Errorf("after %+v: %q, want %q", c.note, got, c.want)
		}
	}
	b.Note(meta.Node{ID: "", Addresses: meta.Addresses{Cluster: "x:1"}})
	b.Note(meta.Node{ID: "self", Addresses: meta.Addresses{Cluster: "s:1", Gossip: "s:2"}})
	if seeds := b.GossipSeeds("self"); !slices.Equal(seeds, []string{"three:1"}) {
		t.Errorf("seeds %v", seeds)
	}
}

func TestBookIsBoundedAndGoesOnForKnownNodes(t *testing.T) {
	b := NewBook()
	for i := range bookMax + 10 {
		b.Note(meta.Node{ID: fmt.Sprint(i), StartCount: 1, Addresses: meta.Addresses{Cluster: "x:1"}})
	}
	if n := len(b.Nodes()); n != bookMax {
		t.Errorf("%d nodes, want %d", n, bookMax)
	}
	b.Note(meta.Node{ID: "0", StartCount: 2, Addresses: meta.Addresses{Cluster: "y:1"}})
	if got, _ := b.ClusterAddr("0"); got != "y:1" {
		t.Errorf("a full book does not hear of a known node's new address: %q", got)
	}
}
