package shard

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/transport"
)

// panel answers questions, each node in its own manner.
type panel struct {
	mu    sync.Mutex
	asked map[string]int
	delay map[string]time.Duration
	dead  map[string]bool
}

var errDead = errors.New("node is down")

func (p *panel) Confirm(ctx context.Context, node string, q []transport.GroupTerm) ([]bool, time.Time, error) {
	p.mu.Lock()
	p.asked[node]++
	delay, dead := p.delay[node], p.dead[node]
	p.mu.Unlock()
	sent := time.Now()
	if dead {
		return nil, sent, errDead
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, sent, ctx.Err()
	}
	return slices.Repeat([]bool{true}, len(q)), sent, nil
}

func (p *panel) count(node string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[node]
}

func askPanel(t *testing.T, o *office) (*panel, *Confirmer, *gate) {
	p := &panel{asked: map[string]int{}, delay: map[string]time.Duration{}, dead: map[string]bool{}}
	c := NewConfirmer(p, testLease)
	t.Cleanup(c.Close)
	g := newGate("self", testLease, o, c)
	c.register(1, g)
	return p, c, g
}

func TestSlowNodeDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, g := askPanel(t, &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "slow"}})
		p.delay["b"], p.delay["slow"] = time.Millisecond, time.Hour
		began := time.Now()
		for range 10 {
			if err := g.Confirm(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 20*time.Millisecond {
			t.Errorf("10 reads took %v while one node answers within 1 ms", took)
		}
		time.Sleep(time.Second)
		if !g.Leased(1) {
			t.Error("no lease although a quorum answers")
		}
	})
}

func TestDeadNodeIsNotAskedInASpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, g := askPanel(t, &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "dead"}})
		p.dead["dead"] = true
		const asks = 1000
		for range asks { // one a millisecond
			c.kick(g)
			time.Sleep(time.Millisecond)
		}
		if got, most := p.count("dead"), asks/10; got == 0 || got > most {
			t.Errorf("a node that is down was asked %d times in a second, want 1 to %d", got, most)
		}
	})
}

func TestEachNodeHasOneGoroutineForAllGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, _ := askPanel(t, &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}})
		for group := range 20 {
			o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "c", "d"}}
			c.register(slot.ShardID(group+2), newGate("self", testLease, o, c))
		}
		if got, want := c.Nodes(), []string{"b", "c", "d"}; !slices.Equal(got, want) {
			t.Errorf("nodes %v, want %v", got, want)
		}
		time.Sleep(time.Second)
		rounds := int(time.Second / c.every)
		for _, node := range c.Nodes() {
			if got := p.count(node); got == 0 || got > rounds+1 {
				t.Errorf("%s was asked %d times in a second, want about %d", node, got, rounds)
			}
		}
	})
}

func TestNodeThatVotesNowhereIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		_, c, g := askPanel(t, o)
		time.Sleep(time.Second)
		o.set([]raft.ServerID{"self", "b", "d"})
		time.Sleep(time.Second)
		if err := g.Confirm(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got, want := c.Nodes(), []string{"b", "d"}; !slices.Equal(got, want) {
			t.Errorf("nodes %v, want %v", got, want)
		}
		c.unregister(1)
		time.Sleep(time.Second)
		if got := c.Nodes(); len(got) != 0 {
			t.Errorf("nodes %v are asked about no group", got)
		}
		c.register(1, g)
		if err := g.Confirm(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNodesOfANewConfigurationAreAskedByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true}
		_, _, g := askPanel(t, o) // a replica that starts empty knows no voters
		o.set([]raft.ServerID{"self", "b", "c"})
		g.asks.meet(g)
		time.Sleep(time.Second)
		if !g.Leased(1) {
			t.Error("no lease although nobody is down")
		}
	})
}

// Close returns while a node does not answer, and no goroutine is left in the bubble.
func TestCloseEndsQuestionsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}}
		p, c, g := askPanel(t, o)
		p.delay["b"], p.delay["c"] = time.Hour, time.Hour
		c.kick(g)
		synctest.Wait()
		began := time.Now()
		c.Close()
		c.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close waited %v for nodes that do not answer", took)
		}
		o.set([]raft.ServerID{"self", "b", "d"})
		c.kick(g)
		if nodes := c.Nodes(); slices.Contains(nodes, "d") {
			t.Errorf("nodes %v are asked after Close", nodes)
		}
	})
}

// Questions that keep a lease cost an idle cluster most of what it does, so they end when nobody looks at it.
func TestLeaseIsRenewedAsLongAsSomebodyLooksAtIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, g := askPanel(t, &office{term: 1, leads: true, ids: []raft.ServerID{"self", "b", "c"}})
		for range 50 {
			time.Sleep(100 * time.Millisecond)
			if !g.Leased(1) {
				t.Fatal("no lease although it is looked at ten times a second")
			}
		}
		time.Sleep(2 * restAfter)
		before := p.count("b")
		time.Sleep(10 * restAfter)
		if got := p.count("b") - before; got != 0 {
			t.Errorf("b was asked %d times while nobody looked", got)
		}
		if g.Leased(1) {
			t.Error("a lease that was not renewed is still valid")
		}
		if err := g.Confirm(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(restAfter / 2)
		if !g.Leased(1) {
			t.Error("no lease after somebody looked again")
		}
	})
}
