package shard

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/transport"
)

// Asker carries one round of questions to one node.
type Asker interface {
	// Confirm asks whether the node knows of no term later than these. It returns one answer a question.
	Confirm(ctx context.Context, node string, questions []transport.GroupTerm) (ok []bool, sent time.Time, err error)
}

// Confirmer asks the other nodes, for all groups of this node together, whether they know of a later term. It asks
// every node at its own pace, so that a slow one delays nobody, often enough to keep leases alive and at once when a
// read waits.
type Confirmer struct {
	asker Asker
	// every is how often leases are renewed.
	every time.Duration
	// timeout bounds one round.
	timeout time.Duration
	numbers atomic.Uint64

	mu     sync.Mutex // protects the fields below; never held across I/O or a channel send
	gates  map[slot.ShardID]*gate
	nodes  map[raft.ServerID]*asked
	closed bool
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// asked is the goroutine that asks one node, as long as the node votes in some group.
type asked struct{ wake chan struct{} }

// NewConfirmer returns a confirmer for leases of the given length. Close ends it.
func NewConfirmer(asker Asker, lease time.Duration) *Confirmer {
	ctx, cancel := context.WithCancel(context.Background())
	return &Confirmer{
		asker:   asker,
		every:   lease / 4,
		timeout: 2 * lease,
		gates:   map[slot.ShardID]*gate{},
		nodes:   map[raft.ServerID]*asked{},
		ctx:     ctx,
		cancel:  cancel,
	}
}

// next numbers questions and reads in the order of their beginning.
func (c *Confirmer) next() uint64 { return c.numbers.Add(1) }

func (c *Confirmer) register(group slot.ShardID, g *gate) {
	c.mu.Lock()
	c.gates[group] = g
	c.mu.Unlock()
	c.meet(g)
}

func (c *Confirmer) unregister(group slot.ShardID) {
	c.mu.Lock()
	delete(c.gates, group)
	c.mu.Unlock()
}

// meet starts a goroutine for each node that a group's configuration names and that has none yet.
func (c *Confirmer) meet(g *gate) {
	ids, _ := g.of.voters()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.closed || id == g.node || c.nodes[id] != nil {
			continue
		}
		a := &asked{wake: make(chan struct{}, 1)}
		c.nodes[id] = a
		c.wg.Go(func() { c.ask(c.ctx, id, a) })
	}
}

// kick makes every node be asked at once, or right after the round that is under way.
func (c *Confirmer) kick(g *gate) {
	c.meet(g)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.nodes {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// ask asks one node until ctx ends.
func (c *Confirmer) ask(ctx context.Context, node raft.ServerID, a *asked) {
	timer := time.NewTimer(c.every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
			if c.leave(node) {
				return
			}
		}
		if err := c.round(ctx, node); err != nil {
			// Unreachable: do not spin while reads keep kicking.
			select {
			case <-ctx.Done():
				return
			case <-time.After(c.every / 4):
			}
		}
		timer.Reset(c.every)
	}
}

// leave forgets a node that votes in no group any more.
func (c *Confirmer) leave(node raft.ServerID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.gates {
		if ids, _ := g.of.voters(); slices.Contains(ids, node) {
			return false
		}
	}
	delete(c.nodes, node)
	return true
}

// round asks one node about every group that this node leads. The instant of sending is taken before anything is sent.
func (c *Confirmer) round(ctx context.Context, node raft.ServerID) error {
	var questions []transport.GroupTerm
	var gates []*gate
	for group, g := range c.snapshot() {
		if term, ask := g.question(node); ask {
			questions = append(questions, transport.GroupTerm{Group: transport.GroupID(group), Term: term})
			gates = append(gates, g)
		}
	}
	if len(questions) == 0 {
		return nil
	}
	a := answer{sent: time.Now(), number: c.next()}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ok, _, err := c.asker.Confirm(ctx, string(node), questions)
	if err != nil {
		return err
	}
	for i, g := range gates {
		if i < len(ok) && ok[i] {
			g.confirmed(node, questions[i].Term, a)
		}
	}
	return nil
}

// Ask asks nodes once about one group, and returns those that answer in time that they know of no later term. It tells who is
// there; reads and leases do not stand on it.
func (c *Confirmer) Ask(ctx context.Context, group slot.ShardID, term uint64, nodes []string) []string {
	answers := make([]bool, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() {
			follows, _, err := c.asker.Confirm(ctx, node, []transport.GroupTerm{{Group: transport.GroupID(group), Term: term}})
			answers[i] = err == nil && len(follows) == 1 && follows[0]
		})
	}
	wg.Wait()
	var answering []string
	for i, node := range nodes {
		if answers[i] {
			answering = append(answering, node)
		}
	}
	return answering
}

func (c *Confirmer) snapshot() map[slot.ShardID]*gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	gates := make(map[slot.ShardID]*gate, len(c.gates))
	for id, g := range c.gates {
		gates[id] = g
	}
	return gates
}

// Nodes lists the nodes that are being asked.
func (c *Confirmer) Nodes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for id := range c.nodes {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	return ids
}

// Close ends every goroutine. It may be called twice.
func (c *Confirmer) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}
