package node

import (
	"fmt"
	"io"
	"strings"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard/host"
)

// Recovery says what to recover on the data folder of a node that is stopped.
type Recovery struct {
	Dir string
	// Survivors are the ids of the nodes whose folders are left; Shards are those to recover, 0 being the meta group, all where
	// it is empty.
	Survivors []string
	Shards    []uint64
	// Do makes the changes; without it they are only told.
	Do bool
}

// Recover tells what a recovery changes and what may be lost, and then does it where it is to.
func Recover(w io.Writer, r Recovery) error {
	plan, err := host.PlanRecovery(host.RecoverConfig{Dir: r.Dir, Survivors: r.Survivors, Shards: r.Shards})
	if err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	if _, err := io.WriteString(w, planText(plan)); err != nil {
		return err
	}
	switch {
	case !plan.Changes():
		fmt.Fprintln(w, "\nThere is nothing to change.")
		return nil
	case !r.Do:
		fmt.Fprintln(w, "\nNothing was changed. With --accept-data-loss, and without --dry-run, this is done.")
		return nil
	}
	if err := host.Recover(plan); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nDone. Start this node; the other survivors may run again as they are.")
	return nil
}

func planText(p *host.RecoverPlan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node %s of cluster %s, data folder %s\n", p.NodeID, p.ClusterID, p.Dir)
	fmt.Fprintf(&b, "survivors: %s\n", strings.Join(p.Survivors, " "))
	if p.Guard != "" {
		fmt.Fprintf(&b, "\nThe amnesia guard of this node ends. It is on because %s.\n", p.Guard)
	}
	for _, g := range p.Groups {
		groupPlanText(&b, g)
	}
	if len(p.MetaVoters) > 0 {
		fmt.Fprintf(&b, "\nmeta group: this node has no vote in it; if its majority is lost, recover at one of %s.\n", strings.Join(p.MetaVoters, " "))
	}
	if len(p.Elsewhere) > 0 {
		fmt.Fprintf(&b, "\n%s: held by other survivors only; look there too.\n", shardsText(p.Elsewhere))
	}
	if len(p.Nowhere) > 0 {
		fmt.Fprintf(&b, "\n%s: NO SURVIVOR holds a replica. Its data is lost with the nodes that are given up, and its slots stay unserved.\n", shardsText(p.Nowhere))
	}
	if len(p.Lost) > 0 {
		b.WriteString("\nThese nodes are given up. Never start them again on their data folders: two of them could go on by themselves as the old\n" +
			"cluster, and answer clients. Empty their folders; they join as new nodes.\n")
		for _, n := range p.Lost {
			fmt.Fprintf(&b, "  %s  %s\n", n.ID, orDash(n.Addr))
		}
	}
	return b.String()
}

func groupPlanText(b *strings.Builder, g host.GroupPlan) {
	fmt.Fprintf(b, "\n%s: its log ends here at entry %d of term %d; voters %s\n", host.GroupText(g.ID), g.Last, g.LastTerm, orDash(strings.Join(g.Voters, " ")))
	if g.Damage != nil {
		fmt.Fprintf(b, "  is whole without these snapshots, which are damaged: %v\n", g.Damage)
	}
	switch g.Action {
	case host.RecoverKeep:
		fmt.Fprintf(b, "  is left alone: %d of %d voters survive, a majority\n", len(g.Left), len(g.Voters))
	case host.RecoverNothing:
		b.WriteString("  is left alone: this node has no vote in it\n")
	case host.RecoverSkip:
		b.WriteString("  is left alone: --shard names others\n")
	case host.RecoverName:
		fmt.Fprintf(b, "  is left alone: %d survivors hold it. Compare the last entries, the term first, and name the group with --shard at that one\n"+
			"  node where it is the latest; run it at no other.\n", len(g.Left))
	case host.RecoverGroup:
		fmt.Fprintf(b, "  goes on with %s as its only voters; cut off: %s\n", strings.Join(g.Left, " "), strings.Join(g.Lost, " "))
		fmt.Fprintf(b, "  What only the lost voters have is lost. What stands here after entry %d may never have been acknowledged, and counts from now on.\n", g.Snapshot)
	}
}

func shardsText(ids []slot.ShardID) string {
	var text []string
	for _, id := range ids {
		text = append(text, fmt.Sprint(id))
	}
	return "shard " + strings.Join(text, ", ")
}
