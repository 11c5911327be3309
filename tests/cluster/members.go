package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// Join starts one more node and returns when every other node knows it and takes it for alive.
func (c *Cluster) Join(args ...string) *Node {
	c.t.Helper()
	n := c.Add(args...)
	n.Start()
	Eventually(c.t, fmt.Sprintf("node %d has joined", n.Number), func() error {
		for _, other := range c.Running() {
			nodes, err := other.Nodes()
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(nodes, func(s *clusterv1.NodeStatus) bool {
				return s.Node.Id == n.ID() && s.Node.Health == clusterv1.NodeHealth_NODE_HEALTH_ALIVE
			}) {
				return fmt.Errorf("node %d does not know it as alive", other.Number)
			}
		}
		return nil
	})
	return n
}

// Nodes lists the nodes of the cluster as this one knows them.
func (n *Node) Nodes() ([]*clusterv1.NodeStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return n.Admin().Nodes(ctx)
}

// RemoveNode takes a node out of the cluster as holt cluster remove-node does, by asking whichever other node runs.
func (c *Cluster) RemoveNode(n *Node, force bool) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("node %d is removed", n.Number), func() error {
		var err error
		for _, other := range c.Running() {
			if other == n {
				continue
			}
			var left *clusterv1.RemoveNodeResponse
			if left, err = other.stepRemoval(n.ID(), force); err == nil && left.Removed {
				return nil
			}
			if err == nil {
				return fmt.Errorf("%d replicas left, votes in the meta group: %v; %s", left.Replicas, left.MetaVoter, strings.Join(left.Waiting, "; "))
			}
		}
		return err
	})
}

// Forget ends a node that is no part of the cluster any more, deletes what it has, and has nobody join by it.
func (c *Cluster) Forget(n *Node) {
	c.t.Helper()
	if n.Running() {
		n.Stop()
	}
	n.hangUp()
	n.Wipe()
	c.Nodes = slices.DeleteFunc(slices.Clone(c.Nodes), func(other *Node) bool { return other == n })
	c.JoinAll()
}

// Drain has a node give up all that it holds, without removing it.
func (c *Cluster) Drain(n *Node) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("node %d drains", n.Number), func() error {
		left, err := c.other(n).stepRemoval(n.ID(), false)
		if err == nil && left.Removed {
			err = Never(fmt.Errorf("it is removed already"))
		}
		return err
	})
}

// KeepNode ends the draining of a node.
func (c *Cluster) KeepNode(n *Node) {
	c.t.Helper()
	Eventually(c.t, fmt.Sprintf("node %d is kept", n.Number), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), callMax)
		defer cancel()
		_, err := c.other(n).Admin().RemoveNode(ctx, n.ID(), false, true)
		return err
	})
}

// other is a node that runs, not the one that is given.
func (c *Cluster) other(n *Node) *Node {
	for _, other := range c.Running() {
		if other != n {
			return other
		}
	}
	c.t.Fatalf("no node but %d runs", n.Number)
	return nil
}

func (n *Node) stepRemoval(id string, force bool) (*clusterv1.RemoveNodeResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return n.Admin().RemoveNode(ctx, id, force, false)
}

// Set changes settings of the cluster: names and values in turn.
func (c *Cluster) Set(pairs ...string) {
	c.t.Helper()
	var settings []*clusterv1.NamedSetting
	for i := 0; i < len(pairs); i += 2 {
		settings = append(settings, &clusterv1.NamedSetting{Name: pairs[i], Value: pairs[i+1]})
	}
	Eventually(c.t, fmt.Sprintf("settings %v are changed", pairs), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), callMax)
		defer cancel()
		return c.Running()[0].Admin().ChangeSettings(ctx, settings...)
	})
}

// WaitMembers returns when every shard has as many voters as it should, all on the nodes that are named, and nothing more is
// under way. It asks the first node that runs.
func (c *Cluster) WaitMembers(replicas int, nodes ...*Node) {
	c.t.Helper()
	var ids []string
	for _, n := range nodes {
		ids = append(ids, n.ID())
	}
	Eventually(c.t, fmt.Sprintf("every shard has %d voters on the nodes %v", replicas, ids), func() error {
		all, err := c.leaders()
		if err != nil {
			return err
		}
		shards, err := c.Running()[0].Shards()
		if err != nil {
			return err
		}
		if len(shards) == 0 {
			return fmt.Errorf("no shard")
		}
		for _, s := range shards {
			if err := membersOf(s, all[s.Shard.Id], replicas, ids); err != nil {
				return fmt.Errorf("shard %d: %w", s.Shard.Id, err)
			}
		}
		return nil
	})
}

func membersOf(s *clusterv1.ShardStatus, l Leadership, replicas int, ids []string) error {
	if l.Node == nil {
		return fmt.Errorf("no leader that serves")
	}
	for _, r := range s.Replicas {
		if r.NodeId != l.Node.ID() {
			continue
		}
		for _, voter := range r.VoterNodeIds {
			if !slices.Contains(ids, voter) {
				return fmt.Errorf("%s votes", voter)
			}
		}
		if len(r.VoterNodeIds) != replicas || len(r.LearnerNodeIds) > 0 || len(s.Shard.Replicas) != replicas {
			return fmt.Errorf("%d voters, %d learners, %d named", len(r.VoterNodeIds), len(r.LearnerNodeIds), len(s.Shard.Replicas))
		}
		return nil
	}
	return fmt.Errorf("its leader does not answer")
}
