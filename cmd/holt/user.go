package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/node"
)

func userCommand() *cobra.Command {
	r := &reach{}
	c := &cobra.Command{Use: "user", Short: "Say who may do what in a cluster"}
	r.flags(c.PersistentFlags())
	with := withNode(r)
	c.AddCommand(userSetCommand(with), userDeleteCommand(with),
		&cobra.Command{Use: "list", Short: "List the users with their rules", Args: cobra.NoArgs, RunE: with(printUsers)})
	return c
}

func userSetCommand(with withAdmin) *cobra.Command {
	var ask bool
	c := &cobra.Command{
		Use:   "set NAME [RULE ...]",
		Short: "Add a user, or change what one may do",
		Long: `Add a user, or change what one may do. Rules are those of Redis' ACL SETUSER, applied one after another to what the user has:
on, off, >password, #sha256, nopass, resetpass, ~pattern, %R~pattern, %W~pattern, allkeys, resetkeys, &channel, allchannels,
+command, -command, +command|subcommand, +@category, -@category, (selector), reset. They hold for RESP and gRPC, at all nodes.

A password on the command line is seen by whoever lists processes: --password reads one from standard input.`,
		Example: `  holt user set app on '~app:*' +@read +@write --password
  holt user set default off`,
		Args: cobra.MinimumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		rules := args[1:]
		if ask {
			line, err := bufio.NewReader(os.Stdin).ReadString('\n')
			if err != nil && line == "" {
				return fmt.Errorf("--password: read it from standard input: %w", err)
			}
			rules = append(rules, ">"+strings.TrimRight(line, "\r\n"))
		}
		return with(func(ctx context.Context, a *client.Admin) error {
			user, err := a.SetUser(ctx, args[0], rules...)
			if err == nil {
				fmt.Printf("user %s %s\n", user.Name, user.Rules)
			}
			return err
		})(c, args)
	}
	c.Flags().BoolVar(&ask, "password", false, "add the password that the first line of standard input is")
	return c
}

func userDeleteCommand(with withAdmin) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Take a user out; his connections are closed",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return with(func(ctx context.Context, a *client.Admin) error {
				deleted, err := a.DeleteUser(ctx, args[0])
				if err == nil && !deleted {
					return fmt.Errorf("there is no user %s", args[0])
				}
				return err
			})(c, args)
		},
	}
}

func printUsers(ctx context.Context, a *client.Admin) error {
	users, err := a.Users(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "USER\tRULES")
	for _, u := range users {
		fmt.Fprintf(w, "%s\t%s\n", u.Name, u.Rules)
	}
	return nil
}

func gossipKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gossip-key",
		Short: "Print a new key for the file of --gossip-key-file",
		Args:  cobra.NoArgs,
		Run:   func(*cobra.Command, []string) { fmt.Println(node.NewGossipKey()) },
	}
}

func reloadKeysCommand(with withAdmin) *cobra.Command {
	return &cobra.Command{
		Use:   "gossip-keys",
		Short: "Have the node at --addr read its gossip keys again, and show which are in force",
		Long: `Have the node at --addr read the file of --gossip-key-file again, and show the fingerprints of its keys; it encrypts with the first
and understands all. A key is changed in three steps, each at every node before the next begins: add the new key as the last
line, make it the first line, remove the old one.`,
		Args: cobra.NoArgs,
		RunE: with(func(ctx context.Context, a *client.Admin) error {
			reply, err := a.ReloadGossipKeys(ctx)
			switch {
			case err != nil:
				return err
			case len(reply.Fingerprints) == 0:
				fmt.Printf("node %s: gossip is not encrypted; give it --gossip-key-file\n", reply.NodeId)
			default:
				fmt.Printf("node %s: %s\n", reply.NodeId, strings.Join(reply.Fingerprints, " "))
			}
			return nil
		}),
	}
}
