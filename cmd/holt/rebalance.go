package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func rebalanceCommand(r *reach) *cobra.Command {
	var dry, detach bool
	var by []string
	goal := &clusterv1.RebalanceGoal{}
	c := &cobra.Command{
		Use:   "rebalance",
		Short: "Spread slots, replicas and leaders over the nodes",
		Long: `Spread slots, replicas and leaders over the nodes. Nodes that lead nothing get a new shard, shards that are too many, because
nodes leave, give their slots to others and are dissolved; between the rest slots are handed over until all have the same. No
request fails by it. What is planned is shown first; with --dry-run that is all.

Shards are compared by how many slots they own, or with --by by the memory that their keys take or by the requests that they
get (of several each counts the same); by what is measured nothing moves that is within a tenth of the mean. Requests are
measured for a second, for each shard: a slot is taken to get its share by the keys that it holds.

It goes on by itself if this command is interrupted. 'holt cluster cancel --all' stops it.`,
		Example: `  holt cluster rebalance --dry-run
  holt cluster rebalance --by bytes,requests`,
		Args: cobra.NoArgs,
	}
	c.RunE = func(*cobra.Command, []string) error {
		for _, word := range by {
			measure, err := parseMeasure(word)
			if err != nil {
				return err
			}
			goal.Measures = append(goal.Measures, measure)
		}
		return following(r, func(ctx context.Context, a *client.Admin) error {
			plan, err := a.PlanRebalance(ctx, goal)
			if err != nil {
				return err
			}
			printPlan(os.Stdout, plan)
			if dry {
				return nil
			}
			if err := a.StartRebalance(ctx, goal); err != nil || detach {
				return err
			}
			return follow(ctx, a, os.Stdout, rebalanceRuns)
		})
	}
	f := c.Flags()
	f.BoolVar(&dry, "dry-run", false, "only show what would be done")
	f.BoolVar(&detach, "detach", false, "do not wait until it is done")
	f.StringSliceVar(&by, "by", []string{"slots"}, "what shards are compared by: slots, bytes, requests, or several of them")
	f.Uint32Var(&goal.Shards, "shards", 0, "how many shards there are to be; 0 takes one for each node, and not less than the setting shards")
	return c
}

func parseMeasure(word string) (clusterv1.BalanceMeasure, error) {
	measure, known := map[string]clusterv1.BalanceMeasure{
		"slots": clusterv1.BalanceMeasure_BALANCE_MEASURE_SLOTS, "bytes": clusterv1.BalanceMeasure_BALANCE_MEASURE_BYTES,
		"requests": clusterv1.BalanceMeasure_BALANCE_MEASURE_REQUESTS,
	}[word]
	if !known {
		return 0, fmt.Errorf("--by=%s: use slots, bytes, requests, or several of them", word)
	}
	return measure, nil
}

// printPlan shows what shards have and are to have, then what is moved for it.
func printPlan(out io.Writer, plan *clusterv1.PlanRebalanceResponse) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SHARD\tLEADER\tSLOTS\tKEYS\tMEMORY\tREQUESTS/S\t")
	done := true
	for _, s := range plan.Shards {
		note := ""
		switch {
		case s.Created:
			note = "created"
		case s.Dissolved:
			note = "dissolved"
		}
		done = done && note == ""
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ShardId, short(s.PreferredLeaderNodeId), change(s.Slots, s.SlotsPlanned, decimal[uint32]),
			change(s.Keys, s.KeysPlanned, decimal[uint64]), change(s.Bytes, s.BytesPlanned, bytesText), change(s.Requests, s.RequestsPlanned, decimal[uint64]), note)
	}
	w.Flush()
	for _, m := range plan.Moves {
		slots, n := slotsText(m.Slots)
		fmt.Fprintf(out, "move %d slots (%d keys, %s) from shard %d to shard %d: %s\n", n, m.Keys, bytesText(m.Bytes), m.FromShardId, m.ToShardId, slots)
	}
	if len(plan.UnmeasuredShardIds) > 0 {
		fmt.Fprintf(out, "not measured, because their leaders gave no answer: shards %v\n", plan.UnmeasuredShardIds)
	}
	if done && len(plan.Moves) == 0 {
		fmt.Fprintln(out, "The slots are balanced.")
	}
}

// change is a number, and what becomes of it.
func change[T comparable](now, planned T, text func(T) string) string {
	if now == planned {
		return text(now)
	}
	return text(now) + " -> " + text(planned)
}

// slotsText lists slots as Redis does, and counts them.
func slotsText(ranges []*clusterv1.SlotRange) (text string, n int) {
	var words []string
	for _, r := range ranges {
		n += int(r.Last-r.First) + 1
		if r.First == r.Last {
			words = append(words, fmt.Sprint(r.First))
		} else {
			words = append(words, fmt.Sprintf("%d-%d", r.First, r.Last))
		}
	}
	return strings.Join(words, ","), n
}

// bytesText is a number of bytes for people.
func bytesText(n uint64) string {
	for _, unit := range []struct {
		size uint64
		name string
	}{{1 << 40, "TB"}, {1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func decimal[T uint32 | uint64](n T) string { return fmt.Sprint(n) }
