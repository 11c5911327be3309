package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func removeNodeCommand(r *reach) *cobra.Command {
	var force, cancel bool
	c := &cobra.Command{
		Use:   "remove-node NODE",
		Short: "Take a node out of the cluster for good",
		Long: `Take a node out of the cluster for good. It hands over the shards that it leads, other nodes get replicas in place of its own,
another takes its vote in the meta group; then the cluster forgets it. No request fails by it. NODE is its id, or as much of
the beginning as tells it from others (holt cluster nodes lists them).

It takes as long as the data needs to be copied, and goes on by itself if this command is interrupted; running it again shows
how far it is, and --cancel keeps the node after all. A node that does not answer is removed with --force: its replicas are
built from those of other nodes at once, and not after node-dead-after. Its id never comes back: on an empty data folder it
joins as a new node.`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		return removing(r, func(ctx context.Context, a *client.Admin) error {
			n, err := findNode(ctx, a, args[0])
			if err != nil {
				return err
			}
			if cancel {
				if _, err := callRemove(ctx, a, n.Node.Id, false, true); err != nil {
					return err
				}
				fmt.Printf("node %s stays\n", n.Node.Id)
				return nil
			}
			return removeNode(ctx, a, n.Node.Id, force)
		})
	}
	c.Flags().BoolVar(&force, "force", false, "remove it although it does not answer")
	c.Flags().BoolVar(&cancel, "cancel", false, "keep a node that is being removed")
	return c
}

func replaceNodeCommand(r *reach) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "replace-node OLD NEW",
		Short: "Take a node out of the cluster once another is there for its replicas",
		Long: `Take node OLD out of the cluster as remove-node does. Its replicas go to the nodes that hold the fewest, first of all to NEW,
which has joined and holds none yet.`,
		Args: cobra.ExactArgs(2),
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		return removing(r, func(ctx context.Context, a *client.Admin) error {
			old, err := findNode(ctx, a, args[0])
			if err != nil {
				return err
			}
			fresh, err := findNode(ctx, a, args[1])
			if err != nil {
				return err
			}
			switch {
			case fresh.Node.Id == old.Node.Id:
				return fmt.Errorf("node %s cannot take its own place", old.Node.Id)
			case fresh.Node.Health != clusterv1.NodeHealth_NODE_HEALTH_ALIVE || fresh.Draining:
				return fmt.Errorf("node %s is not alive, or is to leave too; nothing was changed", fresh.Node.Id)
			case fresh.Replicas > 0:
				return fmt.Errorf("node %s holds %d replicas already; nothing was changed: use remove-node, which spreads them over all nodes", fresh.Node.Id, fresh.Replicas)
			}
			return removeNode(ctx, a, old.Node.Id, force)
		})
	}
	c.Flags().BoolVar(&force, "force", false, "remove OLD although it does not answer")
	return c
}

// removing runs work that takes as long as data needs to be copied.
func removing(r *reach, work func(ctx context.Context, a *client.Admin) error) error {
	a, err := r.dial()
	if err != nil {
		return err
	}
	defer a.Close()
	return work(context.Background(), a)
}

// findNode finds a node by its id or the beginning of it.
func findNode(ctx context.Context, a *client.Admin, id string) (*clusterv1.NodeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	nodes, err := a.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var found []*clusterv1.NodeStatus
	for _, n := range nodes {
		if id != "" && strings.HasPrefix(n.Node.Id, id) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no node of the cluster has an id that begins with %q; holt cluster nodes lists them", id)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d nodes have ids that begin with %q; give more of it", len(found), id)
}

func callRemove(ctx context.Context, a *client.Admin, id string, force, cancel bool) (*clusterv1.RemoveNodeResponse, error) {
	ctx, done := context.WithTimeout(ctx, callMax)
	defer done()
	return a.RemoveNode(ctx, id, force, cancel)
}

const (
	// removePause lies between two looks at how far a removal is.
	removePause = 500 * time.Millisecond
	// removePatience is for how long nothing but errors is borne: the meta group elects a leader in a moment.
	removePatience = 30 * time.Second
)

// removeNode asks for a removal until it is done, and shows how far it is.
func removeNode(ctx context.Context, a *client.Admin, id string, force bool) error {
	shown := ""
	var answered time.Time
	for {
		left, err := callRemove(ctx, a, id, force, false)
		switch {
		case err != nil && (answered.IsZero() || time.Since(answered) > removePatience):
			return err
		case err != nil:
		case left.Removed:
			fmt.Printf("node %s is removed; stop its process\n", id)
			return nil
		default:
			answered = time.Now()
			if text := leftText(left); text != shown {
				fmt.Println(text)
				shown = text
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(removePause):
		}
	}
}

func leftText(left *clusterv1.RemoveNodeResponse) string {
	text := fmt.Sprintf("%d replicas left, leads %d shards", left.Replicas, left.ShardsLed)
	if left.MetaVoter {
		text += ", votes in the meta group"
	}
	for _, w := range left.Waiting {
		text += "\n  " + w
	}
	return text
}
