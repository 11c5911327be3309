package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
)

func migrateCommand(r *reach) *cobra.Command {
	var slots string
	var detach bool
	move := &clusterv1.SlotMove{}
	c := &cobra.Command{
		Use:   "migrate --slots RANGES --to SHARD",
		Short: "Hand slots over to a shard",
		Long: `Hand slots over to a shard, with their keys; all slots of one shard change hands at one moment. No request fails by it. It goes
on by itself if this command is interrupted; 'holt cluster cancel' aborts it.`,
		Example: "  holt cluster migrate --slots 0-99,200 --to 2",
		Args:    cobra.NoArgs,
	}
	c.RunE = func(*cobra.Command, []string) error {
		var err error
		if move.Slots, err = parseSlots(slots); err != nil {
			return err
		}
		if move.ToShardId == 0 {
			return fmt.Errorf("--to names the shard that is to have the slots; holt cluster shards lists them")
		}
		return following(r, func(ctx context.Context, a *client.Admin) error {
			ids, err := a.StartMigrations(ctx, move)
			switch {
			case err != nil:
				return err
			case len(ids) == 0:
				fmt.Printf("shard %d owns these slots already\n", move.ToShardId)
				return nil
			}
			fmt.Printf("migrations %v have begun\n", ids)
			if detach {
				return nil
			}
			return follow(ctx, a, os.Stdout, migrationsRun(ids))
		})
	}
	c.Flags().StringVar(&slots, "slots", "", "slots and ranges of slots: 0-99,200")
	c.Flags().Uint64Var(&move.ToShardId, "to", 0, "the shard that is to have them")
	c.Flags().BoolVar(&detach, "detach", false, "do not wait until they have changed hands")
	return c
}

// parseSlots reads "0-99,200".
func parseSlots(text string) ([]*clusterv1.SlotRange, error) {
	var ranges []*clusterv1.SlotRange
	for _, word := range strings.Split(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(word), "-")
		if !isRange {
			last = first
		}
		a, errA := strconv.ParseUint(first, 10, 16)
		b, errB := strconv.ParseUint(last, 10, 16)
		if errA != nil || errB != nil || a > b || b >= slot.Count {
			return nil, fmt.Errorf("--slots=%s: %q is no range of slots within 0-%d; use 0-99,200 and the like", text, word, slot.Count-1)
		}
		ranges = append(ranges, &clusterv1.SlotRange{First: uint32(a), Last: uint32(b)})
	}
	return ranges, nil
}

func cancelCommand(with withAdmin) *cobra.Command {
	var all bool
	var lost uint64
	c := &cobra.Command{
		Use:   "cancel [ID]",
		Short: "Abort migrations, and stop a rebalance",
		Long: `Abort a migration that is not decided yet: its slots stay where they are. With --all every one is aborted. A rebalance that runs
is stopped either way, as it would start them again; slots that it has handed over stay where they are now.

A migration ends when both of its shards have noted the decision. Where one of them is lost with all its nodes, --lost-shard notes
it in its place, so that the slots may move again. Should that shard come back after all, it keeps its part of the slots frozen.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || all == (len(args) == 1) {
				return fmt.Errorf("give the id of one migration (holt cluster migrations lists them), or --all")
			}
			return nil
		},
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		id := uint64(0)
		if !all {
			var err error
			if id, err = strconv.ParseUint(args[0], 10, 64); err != nil || id == 0 {
				return fmt.Errorf("%q is no id of a migration; holt cluster migrations lists them", args[0])
			}
		}
		return with(func(ctx context.Context, a *client.Admin) error {
			if lost != 0 {
				return endLost(ctx, a, id, lost)
			}
			reply, err := a.CancelMigration(ctx, id)
			if err != nil {
				return err
			}
			if reply.RebalanceStopped {
				fmt.Println("the rebalance is stopped")
			}
			fmt.Printf("%d migrations aborted %v\n", len(reply.MigrationIds), reply.MigrationIds)
			return nil
		})(cmd, args)
	}
	c.Flags().BoolVar(&all, "all", false, "abort all of them")
	c.Flags().Uint64Var(&lost, "lost-shard", 0, "note the end of a decided migration in place of this shard, which is lost")
	return c
}

func endLost(ctx context.Context, a *client.Admin, id, lost uint64) error {
	if id == 0 {
		return fmt.Errorf("--lost-shard: give the id of one migration, not --all")
	}
	if err := a.EndLostMigration(ctx, id, lost); err != nil {
		return err
	}
	fmt.Printf("the end of migration %d is noted for shard %d\n", id, lost)
	return nil
}

func printMigrations(ctx context.Context, a *client.Admin) error {
	list, err := a.Migrations(ctx)
	if err != nil {
		return err
	}
	showMigrations(os.Stdout, list, time.Now())
	return nil
}

// statusOfMigrations tells how many migrations run.
func statusOfMigrations(ctx context.Context, a *client.Admin, out io.Writer) error {
	list, err := a.Migrations(ctx)
	if err != nil {
		return err
	}
	running, slots := 0, 0
	for _, m := range list.Migrations {
		if _, n := slotsText(m.Slots); !m.Ended {
			running, slots = running+1, slots+n
		}
	}
	if running > 0 {
		fmt.Fprintf(out, "migrations\t%d run, of %d slots (holt cluster migrations)\n", running, slots)
	}
	return nil
}

// showMigrations lists what runs in full, and of what has ended how.
func showMigrations(out io.Writer, list *clusterv1.ListMigrationsResponse, now time.Time) {
	if r := list.Rebalance; r != nil {
		fmt.Fprintf(out, "a rebalance by %s runs for %s: %d slots to go\n", measuresText(r.Goal), ageText(now, r.StartedMs), r.SlotsLeft)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "ID\tFROM\tTO\tSLOTS\tSTATE\tSLOTS COPIED\tKEYS\tMEMORY\tTIME\t")
	for _, m := range list.Migrations {
		slots, n := slotsText(m.Slots)
		copied, keys, memory, took, note := "-", "-", "-", ageText(now, m.StartedMs), m.Reason
		if m.Ended {
			took = ageText(time.UnixMilli(m.EndedMs), m.StartedMs)
		}
		if p := m.Progress; p != nil {
			copied, memory = fmt.Sprintf("%d of %d", p.SlotsCopied, n), bytesText(p.BytesArrived)
			keys, note = fmt.Sprintf("%d of about %d", p.KeysCopied, max(p.KeysTotal, p.KeysCopied)), p.Error
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Id, m.FromShardId, m.ToShardId, clipText(slots, slotsWidth), stateText(m), copied, keys, memory, took, note)
	}
}

// slotsWidth is how much of a list of slots stands in a table.
const slotsWidth = 40

func clipText(text string, width int) string {
	if len(text) <= width {
		return text
	}
	return text[:width-3] + "..."
}

func stateText(m *clusterv1.Migration) string {
	phase := strings.ToLower(strings.TrimPrefix(m.Phase.String(), "MIGRATION_PHASE_"))
	switch stage := m.GetProgress().GetStage(); {
	case m.Ended:
		return phase + ", ended"
	case stage == clusterv1.MigrationStage_MIGRATION_STAGE_UNSPECIFIED:
		return phase
	default:
		return phase + ", " + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(stage.String(), "MIGRATION_STAGE_"), "_", " "))
	}
}

func measuresText(goal *clusterv1.RebalanceGoal) string {
	var words []string
	for _, m := range goal.GetMeasures() {
		words = append(words, strings.ToLower(strings.TrimPrefix(m.String(), "BALANCE_MEASURE_")))
	}
	return strings.Join(words, ",")
}

func ageText(now time.Time, sinceMs int64) string {
	return max(now.Sub(time.UnixMilli(sinceMs)), 0).Round(time.Second / 10).String()
}

// migrationsRun tells whether one of these migrations has not ended, and how those that were aborted did.
func migrationsRun(ids []uint64) runs {
	return func(list *clusterv1.ListMigrationsResponse) (bool, error) {
		for _, m := range list.Migrations {
			switch {
			case !slices.Contains(ids, m.Id):
			case m.Phase == clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED:
				return false, fmt.Errorf("migration %d was aborted: %s; its slots stay where they are", m.Id, m.Reason)
			case !m.Ended:
				return true, nil
			}
		}
		return false, nil
	}
}
