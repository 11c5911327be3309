package placement

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	// movingMax is how many shards are looked at in one round. Of those that change their replicas no two have a node in common:
	// each may carry a snapshot to a new one, and clients of a node notice two more than one. One that takes longer than
	// movingAlone keeps nobody back.
	movingMax   = 8
	movingAlone = time.Minute
	// stepsMax is how many steps of one shard follow each other in one round; a replica comes and another goes in fewer.
	stepsMax = 12
)

// placeReplicas brings replicas to where they belong: those of nodes that drain or are gone to others, and those that were named
// but are no members yet into their groups.
func (c *Controller) placeReplicas(ctx context.Context, state *meta.State) (progress, error) {
	nodes := c.nodes(state)
	shards := ShardReplicasOf(state)
	sets := PlanReplicas(nodes, shards)
	var p progress
	var todo []ReplicaSet
	for i, set := range sets {
		if set.Missing > 0 {
			p.also = append(p.also, missingText(shards[i], set, nodes))
		}
		if _, _, led := c.Leaders.Leader(set.Shard); !led || c.isSettled(set, shards[i].Replicas) {
			continue // where it has no leader, another step says so
		}
		if b := c.backoff(moveName(set.Shard)); b.wait(time.Now()) > 0 {
			p.also = append(p.also, b.text)
			p.again = soon
			continue
		}
		todo = append(todo, set)
	}
	for _, m := range c.moveAll(ctx, state, nodes, todo) {
		name := moveName(m.shard)
		switch {
		case m.err != nil:
			c.failed(ctx, name, m.err)
			p.also = append(p.also, m.err.Error())
		default:
			c.succeeded(name, 0)
			if m.waiting != "" {
				p.also = append(p.also, fmt.Sprintf("shard %d: %s", m.shard, m.waiting))
			}
		}
		p.again = soon
	}
	return p, nil
}

// ShardReplicasOf are the shards that have formed, with the replicas that each should have: as many as it was created with, or
// as the setting asks for where that is more. In a cluster that grows from one node the default grows with it.
func ShardReplicasOf(state *meta.State) []ShardReplicas {
	staying := 0
	for _, n := range state.Nodes() {
		if !n.Draining {
			staying++
		}
	}
	want := cmp.Or(state.Settings().Replicas, DefaultReplicas(staying))
	var shards []ShardReplicas
	for _, s := range state.Shards() {
		if s.Phase != meta.ShardFormed {
			continue
		}
		shards = append(shards, ShardReplicas{
			Shard: s.ID, Replicas: s.Replicas, Preferred: s.PreferredLeader, Want: max(want, len(s.InitialReplicas)),
		})
	}
	return shards
}

func missingText(s ShardReplicas, set ReplicaSet, nodes []Node) string {
	alive := 0
	for _, n := range nodes {
		if n.Alive && !n.Leaving() {
			alive++
		}
	}
	return fmt.Sprintf("shard %d: no node for %d of its %d replicas: %d nodes are alive and are to stay; start another", s.Shard, set.Missing, s.Want, alive)
}

// isSettled tells whether nothing is to be done for a shard, as far as its leader said when it was asked last. Its members do
// not change without this controller, another leader, or an operator's recovery, which comes with another leader.
func (c *Controller) isSettled(set ReplicaSet, replicas []string) bool {
	return slices.Equal(set.Replicas, replicas) && c.settled[set.Shard] == c.seenBy(set)
}

func (c *Controller) seenBy(set ReplicaSet) string {
	leader, term, _ := c.Leaders.Leader(set.Shard)
	return fmt.Sprintf("%s in term %d: %s", leader, term, strings.Join(set.Replicas, " "))
}

func moveName(shard slot.ShardID) string { return fmt.Sprintf("replicas of shard %d", shard) }

// move is what became of one shard in one round.
type move struct {
	shard   slot.ShardID
	waiting string
	settled string
	err     error
}

// moveAll takes the next steps of some shards, at the same time.
func (c *Controller) moveAll(ctx context.Context, state *meta.State, nodes []Node, todo []ReplicaSet) []move {
	// Those that are half-way first, those that are only looked at last.
	slices.SortStableFunc(todo, func(a, b ReplicaSet) int {
		return cmp.Or(-compareBool(c.isMoving(a), c.isMoving(b)), -compareBool(changes(state, a), changes(state, b)))
	})
	todo = c.apart(state, todo)
	moves := make([]move, len(todo))
	prefers := map[string]int{}
	for _, s := range state.Shards() {
		prefers[s.PreferredLeader]++
	}
	var wg sync.WaitGroup
	for i := range moves {
		wg.Go(func() { moves[i] = c.move(ctx, nodes, todo[i], prefers) })
	}
	wg.Wait()
	before := c.moving
	c.moving = map[slot.ShardID]time.Time{}
	for i, m := range moves {
		delete(c.settled, m.shard) // also where the replicas are to be the same again: on the way there its members have changed
		if m.settled != "" {
			if c.settled == nil {
				c.settled = map[slot.ShardID]string{}
			}
			c.settled[m.shard] = m.settled
		} else if m.err == nil {
			since, known := before[todo[i].Shard]
			if !known {
				since = time.Now()
			}
			c.moving[todo[i].Shard] = since
		}
	}
	return moves
}

func (c *Controller) isMoving(set ReplicaSet) bool {
	_, moving := c.moving[set.Shard]
	return moving
}

// apart chooses those that may go on beside each other, in their order.
func (c *Controller) apart(state *meta.State, todo []ReplicaSet) []ReplicaSet {
	busy := map[string]bool{}
	var chosen []ReplicaSet
	for _, set := range todo {
		if len(chosen) == movingMax {
			break
		}
		if c.isMoving(set) || changes(state, set) {
			since, moving := c.moving[set.Shard]
			s, _ := state.Shard(set.Shard)
			members := slices.Concat(s.Replicas, set.Replicas)
			late := moving && time.Since(since) > movingAlone
			if !late && slices.ContainsFunc(members, func(node string) bool { return busy[node] }) {
				continue
			}
			if !late {
				for _, node := range members {
					busy[node] = true
				}
			}
		}
		chosen = append(chosen, set)
	}
	return chosen
}

// changes tells whether the state is to name other replicas of a shard.
func changes(state *meta.State, set ReplicaSet) bool {
	s, _ := state.Shard(set.Shard)
	return !slices.Equal(s.Replicas, set.Replicas)
}

// move takes the next steps of one shard until it has to wait for something, or this node leads the meta group no more: another
// controller acts by then, on a plan of its own.
func (c *Controller) move(ctx context.Context, nodes []Node, set ReplicaSet, prefers map[string]int) move {
	m := move{shard: set.Shard}
	for range stepsMax {
		seen := c.seenBy(set)
		step, group, err := c.nextStep(ctx, nodes, set, prefers)
		if err != nil {
			m.err = fmt.Errorf("shard %d: %w", set.Shard, err)
			return m
		}
		m.waiting = step.Waiting
		switch step.Action {
		case ShardDone:
			m.settled = seen
			return m
		case ShardAwait:
			return m
		}
		if !c.Meta.Leading() {
			return m
		}
		if err := c.takeStep(ctx, set.Shard, step, group); err != nil {
			m.err = fmt.Errorf("shard %d: %s: %w", set.Shard, step.Waiting, err)
			return m
		}
		c.Log.Info("replicas changed", "shard", set.Shard, "step", step.Waiting)
		if step.Action == ShardTransfer {
			return m // the next leader is asked in the next round
		}
	}
	return m
}

// nextStep plans the next step on what the leader says now.
func (c *Controller) nextStep(ctx context.Context, nodes []Node, set ReplicaSet, prefers map[string]int) (ShardStep, Group, error) {
	var group Group
	err := c.within(ctx, func(ctx context.Context) (err error) {
		group, err = c.Groups.Group(ctx, set.Shard)
		return err
	})
	if err != nil {
		return ShardStep{}, group, err
	}
	now, known := c.Meta.State().Shard(set.Shard)
	if !known {
		return ShardStep{Action: ShardDone}, group, nil
	}
	is := func(what func(Node) bool) func(string) bool {
		return func(id string) bool {
			return slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == id && what(n) })
		}
	}
	return NextStep(ShardSituation{
		Replicas: now.Replicas, Preferred: now.PreferredLeader, Final: set.Replicas, Group: group,
		Alive: is(func(n Node) bool { return n.Alive }), Gone: is(func(n Node) bool { return n.Gone }),
		Prefers: func(id string) int { return prefers[id] },
	}), group, nil
}

func (c *Controller) takeStep(ctx context.Context, shard slot.ShardID, step ShardStep, group Group) error {
	now, _ := c.Meta.State().Shard(shard)
	switch step.Action {
	case ShardName:
		return c.setReplicas(ctx, now, append(slices.Clone(now.Replicas), step.Node))
	case ShardUnname:
		return c.setReplicas(ctx, now, slices.DeleteFunc(slices.Clone(now.Replicas), func(id string) bool { return id == step.Node }))
	case ShardPrefer:
		_, err := c.propose(ctx, PreferCommand(now, step.Node))
		return err
	case ShardTransfer:
		c.handing.Lock()
		defer c.handing.Unlock()
		return c.within(ctx, func(ctx context.Context) error { return c.Leaders.Transfer(ctx, shard, group.Term, step.Node) })
	}
	return c.within(ctx, func(ctx context.Context) error {
		return c.Groups.Change(ctx, shard, group.Leader, group.Term, step.Change)
	})
}

func (c *Controller) setReplicas(ctx context.Context, s meta.Shard, replicas []string) error {
	_, err := c.propose(ctx, ReplicasCommand(s, replicas))
	return err
}

// ReplicasCommand notes other replicas of a shard.
func ReplicasCommand(s meta.Shard, replicas []string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetReplicas{SetReplicas: &storagev1.SetReplicas{
		Shard: uint64(s.ID), Expected: s.Replicas, Replicas: replicas,
	}}}
}

// PreferCommand notes another preferred leader of a shard.
func PreferCommand(s meta.Shard, node string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{SetPreferredLeader: &storagev1.SetPreferredLeader{
		Shard: uint64(s.ID), Expected: s.PreferredLeader, Preferred: node,
	}}}
}
