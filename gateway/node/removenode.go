package node

import (
	"context"
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
	"github.com/holtcache/holt/shard/placement"
)

// controllerStatus is what this node's controller is about.
func (n *Node) controllerStatus() placement.Status {
	if c := n.controller.Load(); c != nil {
		return c.Status()
	}
	return placement.Status{}
}

// waiting is what the controller that acts waits for. Where it cannot be asked in time nothing is known of it.
func (a admin) waiting(ctx context.Context, h *host.Host) []string {
	ctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	leader := h.MetaLeader()
	if leader == "" { // a node that is no member learns of the leader by asking for it
		if _, err := h.Latest(ctx); err != nil {
			return nil
		}
		leader = h.MetaLeader()
	}
	if leader == a.n.folder.NodeID() {
		return a.n.controllerStatus().Waiting
	}
	status, err := a.n.nodes.Controller(ctx, leader)
	if err != nil {
		return nil
	}
	return status.Waiting
}

// RemoveNode takes a node out of the cluster: first it is drained, which the controller does; then the cluster forgets it. What
// has been begun is in the meta group's state, so this may be called again at any node, or given up.
func (a admin) RemoveNode(ctx context.Context, id string, force, cancel bool) (*clusterv1.RemoveNodeResponse, error) {
	ctx, done := context.WithTimeout(ctx, transferMax)
	defer done()
	h, state, err := a.latest(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := state.Node(id)
	switch {
	case !ok:
		return nil, apierr.New(apierr.KindNotFound, "node %s is not known; nothing was changed, see holt cluster nodes", id)
	case known.Phase == meta.NodeRemoved:
		return &clusterv1.RemoveNodeResponse{Removed: true}, nil
	case cancel:
		return a.left(ctx, h, state, id), a.setDraining(ctx, h, id, false)
	}
	if !known.Draining {
		if err := a.checkRemovable(h, state, id, force); err != nil {
			return nil, err
		}
		if err := a.setDraining(ctx, h, id, true); err != nil {
			return nil, err
		}
	}
	left := a.left(ctx, h, state, id)
	if left.Replicas > 0 || left.MetaVoter {
		return left, nil
	}
	err = a.propose(ctx, h, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: id}}})
	if err != nil {
		return nil, err
	}
	a.n.log.Info("node removed from the cluster", "node", id)
	return &clusterv1.RemoveNodeResponse{Removed: true}, nil
}

// checkRemovable tells what stands against draining a node.
func (a admin) checkRemovable(h *host.Host, state *meta.State, id string, force bool) error {
	nodes := placement.NodesOf(state, h.Liveness())
	staying := 0
	for i, n := range nodes {
		switch {
		case n.ID != id:
			if n.Alive && !n.Draining {
				staying++
			}
		case !n.Alive && !force:
			return apierr.New(apierr.KindInvalid, "node %s does not answer; nothing was changed: start it, so that it hands over what it has, or use --force if it is lost", id)
		}
		if n.ID == id {
			nodes[i].Draining = true
		}
	}
	if staying == 0 {
		return apierr.New(apierr.KindInvalid, "node %s is the only one that is alive and stays; nothing was changed", id)
	}
	shards := placement.ShardReplicasOf(state)
	for i, set := range placement.PlanReplicas(nodes, shards) {
		if set.Missing > 0 && slices.Contains(shards[i].Replicas, id) {
			return apierr.New(apierr.KindInvalid, "node %s cannot go: shard %d has %d replicas and %d other nodes are alive; nothing was changed: start another node first", id, set.Shard, shards[i].Want, staying)
		}
	}
	for _, s := range state.Shards() {
		if s.Phase != meta.ShardFormed && slices.Contains(s.Replicas, id) {
			return apierr.New(apierr.KindTryAgain, "node %s cannot go while shard %d is being created; nothing was changed, try again", id, s.ID)
		}
	}
	return nil
}

// left tells what a node has still to give up, by a state.
func (a admin) left(ctx context.Context, h *host.Host, state *meta.State, id string) *clusterv1.RemoveNodeResponse {
	left := &clusterv1.RemoveNodeResponse{MetaVoter: slices.Contains(state.MetaVoters(), id), Waiting: a.waiting(ctx, h)}
	leaders := h.Leaders(state.Shards())
	for _, s := range state.Shards() {
		if slices.Contains(s.Replicas, id) {
			left.Replicas++
		}
		if leaders[s.ID].Node == id {
			left.ShardsLed++
		}
	}
	return left
}

func (a admin) setDraining(ctx context.Context, h *host.Host, id string, draining bool) error {
	err := a.propose(ctx, h, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetNodeDraining{
		SetNodeDraining: &storagev1.SetNodeDraining{Id: id, Draining: draining},
	}})
	if err == nil {
		a.n.log.Info("node drains", "node", id, "draining", draining)
	}
	return err
}

// propose commits a meta command; the error is that of the proposal or of the command.
func (a admin) propose(ctx context.Context, h *host.Host, command *storagev1.MetaCommand) error {
	result, err := h.Propose(ctx, command)
	if err != nil {
		return err
	}
	return result.Err
}
