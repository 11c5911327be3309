package cluster

import (
	"context"
	"fmt"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// Rebalance has the cluster rebalanced as holt cluster rebalance does, and returns when it is done.
func (c *Cluster) Rebalance(goal *clusterv1.RebalanceGoal) {
	c.t.Helper()
	Eventually(c.t, "a rebalance begins", func() error { return c.StartRebalance(goal) })
	Eventually(c.t, "the rebalance is done", c.Rebalanced)
}

// StartRebalance asks the first node that runs for a rebalance.
func (c *Cluster) StartRebalance(goal *clusterv1.RebalanceGoal) error {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	return c.Running()[0].Admin().StartRebalance(ctx, goal)
}

// Rebalanced is nil when no rebalance runs, as far as the first node that runs knows.
func (c *Cluster) Rebalanced() error {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	list, err := c.Running()[0].Admin().Migrations(ctx)
	if err == nil && list.Rebalance != nil {
		err = fmt.Errorf("%d slots to go; %s", list.Rebalance.SlotsLeft, list.Rebalance.Waiting)
	}
	return err
}
