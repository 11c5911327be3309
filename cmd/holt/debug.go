package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/node"
)

func debugCommand() *cobra.Command {
	c := &cobra.Command{Use: "debug", Short: "Look into the data folder of a node that is stopped"}
	c.AddCommand(checkCommand(), logCommand())
	return c
}

func checkCommand() *cobra.Command {
	var dir string
	var shards []uint
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Verify everything in a data folder",
		Long: `Verify everything in the data folder of a node that is stopped, and change nothing: identity, votes, every record of the
log, every snapshot, and the state that they make, whose digest is equal on replicas that hold the same.

Whether entries behind the newest snapshot are committed only a leader knows; so the state is told twice, with and without
them. The exit code is 1 where anything is damaged. A write that was cut short at the very end of the log is no damage: the next
start cuts it off, and the check says where. A damaged snapshot is damage, also where the next start uses the one before.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var only []uint64
			for _, s := range shards {
				only = append(only, uint64(s))
			}
			sound, err := node.Check(os.Stdout, dir, only, asJSON)
			if err == nil && !sound {
				err = errors.New("the data folder is damaged: where the next start does without a snapshot, as told above, start the node; otherwise put the files back from a copy, or empty the folder and join as a new node")
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "holt-data", "data folder of the node")
	f.UintSliceVar(&shards, "shard", nil, "look at these shards only; 0 is the meta group")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func logCommand() *cobra.Command {
	var dir string
	var id, from, to uint64
	c := &cobra.Command{
		Use:   "log",
		Short: "Print the log of one shard",
		Long:  `Print what stands in the log of one shard, in the data folder of a node that is stopped. Nothing is changed.`,
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return node.PrintLog(os.Stdout, dir, id, from, to) },
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "holt-data", "data folder of the node")
	f.Uint64Var(&id, "shard", 0, "the shard; 0 is the meta group")
	f.Uint64Var(&from, "from", 0, "first index; 0 is the beginning of the log")
	f.Uint64Var(&to, "to", 0, "last index; 0 is the end of the log")
	return c
}
