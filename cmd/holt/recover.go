package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/node"
)

func recoverCommand(with withAdmin) *cobra.Command {
	var r node.Recovery
	var shards []uint
	var accept, dry bool
	c := &cobra.Command{
		Use:   "recover",
		Short: "Go on without what is lost for good",
		Long: `Go on without what is lost for good. There are two cases; each tells what it would do, and does it only with
--accept-data-loss.

At a node that runs (--addr): after a power cut under appendfsync everysec or no its replicas neither vote nor lead until they
have caught up with a leader, or until all voters are back. Where that will not happen, this ends the wait: acknowledged
writes that were lost on all nodes stay lost. Run it at each such node.

At the data folder of a node that is stopped (--dir): the majority of a group's voters is lost for good. The group goes on with
the survivors as its only voters; what only the lost nodes had is lost. Run it at one survivor of each group, the one whose log
ends latest (--dry-run tells), then start that node. The lost nodes must never be started on their old folders again.`,
		Args: cobra.NoArgs,
	}
	online := with(func(ctx context.Context, a *client.Admin) error { return acceptLoss(ctx, a, accept && !dry) })
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if r.Dir == "" {
			if len(r.Survivors)+len(shards) > 0 {
				return fmt.Errorf("--survivors and --shard are for a node that is stopped: name its data folder with --dir")
			}
			return online(cmd, args)
		}
		if cmd.Flags().Changed("addr") {
			return fmt.Errorf("--addr names a node that runs, --dir the folder of one that is stopped: use one of them")
		}
		for _, s := range shards {
			r.Shards = append(r.Shards, uint64(s))
		}
		r.Do = accept && !dry
		return node.Recover(os.Stdout, r)
	}
	f := c.Flags()
	f.StringVar(&r.Dir, "dir", "", "data folder of a survivor that is stopped")
	f.StringSliceVar(&r.Survivors, "survivors", nil, "with --dir: ids of the nodes whose folders are left, beside this one")
	f.UintSliceVar(&shards, "shard", nil, "with --dir: recover these shards only; 0 is the meta group")
	f.BoolVar(&accept, "accept-data-loss", false, "do it")
	f.BoolVar(&dry, "dry-run", false, "only tell what would be done")
	return c
}

// acceptLoss ends the guard of a node that runs.
func acceptLoss(ctx context.Context, a *client.Admin, do bool) error {
	before, err := a.AcceptDataLoss(ctx, true)
	if err != nil {
		return err
	}
	if len(before.Replicas) == 0 {
		fmt.Printf("node %s: no replica is guarded; there is nothing to change\n", before.NodeId)
		return nil
	}
	fmt.Printf("node %s: replicas that neither vote nor lead\n", before.NodeId)
	for _, g := range before.Replicas {
		name := fmt.Sprintf("shard %d", g.ShardId)
		if g.ShardId == 0 {
			name = "meta group"
		}
		waiting := g.WaitingFor
		if waiting == "" {
			waiting = "not known yet"
		}
		fmt.Printf("%s: log ends at entry %d of term %d\n  because %s\n  waits for: %s\n", name, g.LastIndex, g.LastTerm, g.Reason, waiting)
	}
	if !do {
		fmt.Println("Nothing was changed. With --accept-data-loss they vote and lead again; acknowledged writes that no voter has any more stay lost.")
		return nil
	}
	if _, err := a.AcceptDataLoss(ctx, false); err != nil {
		return err
	}
	fmt.Println("Done: they vote and lead again.")
	return nil
}
