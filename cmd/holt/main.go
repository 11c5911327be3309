// Command holt is all of Holt in one binary: the server, the development cluster, the operator's tool.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the build from the source's tag.
var version = "unknown"

func main() {
	root := &cobra.Command{
		Use:           "holt",
		Short:         "A distributed cache that keeps its word: the Redis Cluster protocol on Raft",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serverCommand(), devCommand(), gatewayCommand(), clusterCommand(), userCommand(), gossipKeyCommand(), debugCommand(), versionCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "holt:", err)
		os.Exit(1)
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(*cobra.Command, []string) { fmt.Println(version) },
	}
}
