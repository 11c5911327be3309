package placement

import (
	"context"
	"time"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// propose commits a command. The error is that of the proposal or of the command.
func (c *Controller) propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error) {
	var result meta.Result
	err := c.within(ctx, func(ctx context.Context) (err error) {
		result, err = c.Meta.Propose(ctx, command)
		return err
	})
	if err == nil {
		err = result.Err
	}
	return result, err
}

// within runs one action with its deadline.
func (c *Controller) within(ctx context.Context, action func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	return action(ctx)
}

// nodes are the registered nodes as the plans see them.
func (c *Controller) nodes(state *meta.State) []Node {
	deadAfter := state.Settings().NodeDeadAfter
	nodes := NodesOf(state, c.Liveness)
	for i, n := range nodes {
		since, silent := c.silent[n.ID]
		nodes[i].Gone = silent && deadAfter > 0 && time.Since(since) >= deadAfter
	}
	return nodes
}

// NodesOf are the registered nodes; how long they have been silent only a controller knows.
func NodesOf(state *meta.State, liveness Liveness) []Node {
	var nodes []Node
	holding := map[string]bool{}
	for _, s := range state.Shards() {
		for _, id := range s.Replicas {
			holding[id] = true
		}
	}
	for _, n := range state.Nodes() {
		nodes = append(nodes, Node{ID: n.ID, Zone: n.Zone, Alive: liveness.Alive(n.ID), Draining: n.Draining, Holding: holding[n.ID]})
	}
	return nodes
}

// noteSilence notes since when nodes have not been heard. A controller that begins to act knows of nothing before: a node gets
// its whole time again.
func (c *Controller) noteSilence(state *meta.State) {
	silent := map[string]time.Time{}
	for _, n := range state.Nodes() {
		if c.Liveness.Alive(n.ID) {
			continue
		}
		silent[n.ID] = time.Now()
		if since, known := c.silent[n.ID]; known {
			silent[n.ID] = since
		}
	}
	c.silent = silent
}
