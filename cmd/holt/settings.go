package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func setCommand(with withAdmin) *cobra.Command {
	c := &cobra.Command{
		Use:   "set NAME VALUE [NAME VALUE ...]",
		Short: "Change settings of the cluster, all or none",
		Long: `Change settings of the cluster, all or none. They hold on every node at once and outlive restarts. 'holt cluster settings'
lists them; those that are not live count only when a cluster is created. What one node may hold is its own: CONFIG SET
maxmemory at the node, or its flag --maxmemory.`,
		Example: `  holt cluster set maxmemory-policy allkeys-lru maxmemory-samples 10
  holt cluster set save "3600 1 300 100"
  holt cluster set migration-rate 32mb node-dead-after 10m`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args)%2 != 0 {
				return fmt.Errorf("%d arguments: give names with their values", len(args))
			}
			return nil
		},
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return with(func(ctx context.Context, a *client.Admin) error {
			var changes []*clusterv1.NamedSetting
			for i := 0; i < len(args); i += 2 {
				changes = append(changes, &clusterv1.NamedSetting{Name: args[i], Value: args[i+1]})
			}
			return a.ChangeSettings(ctx, changes...)
		})(c, args)
	}
	return c
}

func printSettings(ctx context.Context, a *client.Admin) error {
	settings, err := a.Settings(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "SETTING\tVALUE\tLIVE")
	for _, s := range settings {
		live := "no"
		if s.Live {
			live = "yes"
		}
		fmt.Fprintf(w, "%s\t%q\t%s\n", s.Name, s.Value, live)
	}
	return nil
}
