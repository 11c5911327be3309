package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Leadership says who leads a shard, and in which term.
type Leadership struct {
	Shard uint64
	Term  uint64
	Node  *Node
}

// Leader returns who leads a shard and serves it. It waits for one.
func (c *Cluster) Leader(shard uint64) Leadership {
	c.t.Helper()
	return c.LeaderAfter(shard, 0)
}

// LeaderAfter waits until a shard is served in a later term.
func (c *Cluster) LeaderAfter(shard, term uint64) Leadership {
	c.t.Helper()
	var found Leadership
	Eventually(c.t, fmt.Sprintf("shard %d has a leader after term %d", shard, term), func() error {
		all, err := c.leaders()
		if err != nil {
			return err
		}
		l, ok := all[shard]
		if !ok || l.Term <= term {
			return fmt.Errorf("served in %d shards; shard %d in term %d", len(all), shard, l.Term)
		}
		found = l
		return nil
	})
	return found
}

// WaitSettled returns when every shard is led by the node that shall lead it, so that no leadership moves by itself.
func (c *Cluster) WaitSettled() {
	c.t.Helper()
	Eventually(c.t, "every shard is led by its preferred node", func() error {
		all, err := c.leaders()
		if err != nil {
			return err
		}
		shards, err := c.Running()[0].Shards()
		if err != nil {
			return err
		}
		for _, s := range shards {
			if l := all[s.Shard.Id]; l.Node == nil || l.Node.ID() != s.PreferredLeaderNodeId {
				return fmt.Errorf("shard %d is not", s.Shard.Id)
			}
		}
		return nil
	})
}

// leaders asks every node that runs what the replicas of all nodes say. In different parts of a network they may say
// different things: the highest term counts.
func (c *Cluster) leaders() (map[uint64]Leadership, error) {
	nodes := c.Running()
	shards, errs := make([][]*clusterv1.ShardStatus, len(nodes)), make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { shards[i], errs[i] = n.Shards() })
	}
	wg.Wait()
	all := map[uint64]Leadership{}
	answered := false
	for i := range nodes {
		answered = answered || errs[i] == nil
		for _, s := range shards[i] {
			for _, r := range s.Replicas {
				if r.Serving && r.LeaderNodeId == r.NodeId && r.Term > all[r.ShardId].Term {
					all[r.ShardId] = Leadership{Shard: r.ShardId, Term: r.Term, Node: c.ByID(r.NodeId)}
				}
			}
		}
	}
	if !answered {
		return nil, fmt.Errorf("no node answers: %w", errors.Join(errs...))
	}
	return all, nil
}

// Shards lists the shards as a node knows them, with what their replicas say.
func (n *Node) Shards() ([]*clusterv1.ShardStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	reply, err := n.Admin().Shards(ctx)
	return reply.GetShards(), err
}

// ByID is the node with an id, nil where there is none.
func (c *Cluster) ByID(id string) *Node {
	for _, n := range c.Nodes {
		if n.ID() == id {
			return n
		}
	}
	return nil
}

// ShardIDs lists the shards.
func (c *Cluster) ShardIDs() []uint64 {
	c.t.Helper()
	var ids []uint64
	Eventually(c.t, "the shards are listed", func() error {
		ids = nil
		running := c.Running()
		if len(running) == 0 {
			return fmt.Errorf("no node runs")
		}
		shards, err := running[0].Shards()
		if err != nil {
			return err
		}
		for _, s := range shards {
			ids = append(ids, s.Shard.Id)
		}
		if len(ids) == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})
	return ids
}

// Key returns a key, numbered i among those with the prefix, whose slot belongs to a shard.
func (c *Cluster) Key(shard uint64, prefix string, i int) string {
	c.t.Helper()
	return c.Keys(shard)(prefix, i)
}

// Keys returns Key for one shard, as a function that asks no node and may be called by many goroutines.
func (c *Cluster) Keys(shard uint64) func(prefix string, i int) string {
	c.t.Helper()
	ranges := c.ranges(shard)
	return func(prefix string, i int) string {
		for try := 0; ; try++ {
			key := fmt.Sprintf("%s:%d:%d", prefix, i, try)
			for _, r := range ranges {
				if s := uint32(slot.Of([]byte(key))); s >= r.First && s <= r.Last {
					return key
				}
			}
		}
	}
}

func (c *Cluster) ranges(shard uint64) []*clusterv1.SlotRange {
	c.t.Helper()
	var ranges []*clusterv1.SlotRange
	Eventually(c.t, fmt.Sprintf("the slots of shard %d are known", shard), func() error {
		for _, n := range c.Running() {
			shards, err := n.Shards()
			if err != nil {
				return err
			}
			for _, s := range shards {
				if s.Shard.Id == shard && len(s.Shard.Slots) > 0 {
					ranges = s.Shard.Slots
					return nil
				}
			}
		}
		return fmt.Errorf("no node knows the shard")
	})
	return ranges
}

func (c *Cluster) status(n *Node) (*clusterv1.GetClusterStatusResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return n.Admin().Status(ctx)
}

// Status is what a node says of the cluster.
func (n *Node) Status() (*clusterv1.GetClusterStatusResponse, error) { return n.cluster.status(n) }

// Transfer hands a shard to a node, or with nil to whichever replica is furthest, and returns the new leadership.
func (c *Cluster) Transfer(shard uint64, to *Node) (Leadership, error) {
	c.t.Helper()
	id := ""
	if to != nil {
		id = to.ID()
	}
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	reply, err := c.Running()[0].Admin().Transfer(ctx, shard, id)
	if err != nil {
		return Leadership{}, err
	}
	return Leadership{Shard: shard, Term: reply.Term, Node: c.ByID(reply.LeaderNodeId)}, nil
}
