package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// callMax bounds one call of the operator's tool.
const callMax = 30 * time.Second

func clusterCommand() *cobra.Command {
	r := &reach{}
	c := &cobra.Command{Use: "cluster", Short: "Create, inspect and change a cluster"}
	r.flags(c.PersistentFlags())
	with := withNode(r)
	c.AddCommand(initCommand(with),
		&cobra.Command{Use: "status", Short: "Tell how the cluster is doing", Args: cobra.NoArgs, RunE: with(printStatus)},
		&cobra.Command{Use: "nodes", Short: "List the nodes", Args: cobra.NoArgs, RunE: with(printNodes)},
		&cobra.Command{Use: "shards", Short: "List the shards", Args: cobra.NoArgs, RunE: with(printShards)},
		&cobra.Command{Use: "settings", Short: "List the settings of the cluster", Args: cobra.NoArgs, RunE: with(printSettings)},
		&cobra.Command{Use: "migrations", Short: "List the migrations of slots that run, and the last ones", Args: cobra.NoArgs, RunE: with(printMigrations)},
		rebalanceCommand(r), migrateCommand(r), cancelCommand(with),
		setCommand(with), transferCommand(with), removeNodeCommand(r), replaceNodeCommand(r), recoverCommand(with), reloadKeysCommand(with))
	return c
}

type withAdmin func(work func(ctx context.Context, a *client.Admin) error) func(*cobra.Command, []string) error

// withNode runs a command's work against the node that is reached.
func withNode(r *reach) withAdmin {
	return func(work func(ctx context.Context, a *client.Admin) error) func(*cobra.Command, []string) error {
		return func(*cobra.Command, []string) error {
			a, err := r.dial()
			if err != nil {
				return err
			}
			defer a.Close()
			ctx, cancel := context.WithTimeout(context.Background(), callMax)
			defer cancel()
			return work(ctx, a)
		}
	}
}

// namedSettings are the settings that `holt cluster set` may change later, under the same names. That of --appendfsync is a flag of
// the server too, which this one overrules.
var namedSettings = []struct{ name, help string }{
	{"appendfsync", "when logs are synced to disk: always, everysec or no"},
	{"default-ack", "when a write is acknowledged where the client says nothing: majority or async"},
	{"default-read", "how reads are checked where the client says nothing: lease or index"},
	{"lfu-decay-time", "minutes in which a counter of uses loses one; 0 is never"},
	{"lfu-log-factor", "how slowly counters of uses grow"},
	{"maxmemory-policy", "which keys go when a shard is full, in Redis' words"},
	{"maxmemory-samples", "how many keys are looked at for each that is evicted"},
	{"migration-rate", "bytes a second that a shard sends at most when its slots move, such as 32mb; 0 is no limit"},
	{"node-dead-after", "how long a node is silent before its replicas are built elsewhere, such as 10m; 0 is never"},
	{"save", "when snapshots are taken, in Redis' words; without any they are taken by bytes of log alone"},
}

func initCommand(with withAdmin) *cobra.Command {
	var expect uint32
	s := &clusterv1.Settings{}
	var lease, leaseMax, heartbeat time.Duration
	var ifNeeded bool
	c := &cobra.Command{
		Use:   "init",
		Short: "Create a cluster with the node as its first member",
		Long: `Create a cluster with the node at --addr as its first member. Shards are created once --expect-nodes nodes have
joined it. With --if-needed it may be run at every start.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	for _, setting := range namedSettings {
		f.String(setting.name, "", setting.help)
	}
	c.RunE = with(func(ctx context.Context, a *client.Admin) error {
		var named []*clusterv1.NamedSetting
		for _, setting := range namedSettings {
			if value := f.Lookup(setting.name); value.Changed {
				named = append(named, &clusterv1.NamedSetting{Name: setting.name, Value: value.Value.String()})
			}
		}
		for _, d := range []struct {
			flag  string
			value time.Duration
			ms    *uint64
		}{{"lease", lease, &s.LeaseMs}, {"lease-max", leaseMax, &s.LeaseMaxMs}, {"heartbeat", heartbeat, &s.HeartbeatMs}} {
			if d.value < 0 || d.value%time.Millisecond != 0 {
				return fmt.Errorf("--%s=%v: use whole milliseconds, or 0 for the default", d.flag, d.value)
			}
			*d.ms = uint64(d.value.Milliseconds())
		}
		if ifNeeded {
			status, err := a.Status(ctx)
			if err != nil {
				return err
			}
			if status.Phase != clusterv1.ClusterPhase_CLUSTER_PHASE_UNINITIALIZED {
				fmt.Printf("the node belongs to cluster %s already; nothing was changed\n", status.ClusterId)
				return nil
			}
		}
		reply, err := a.InitCluster(ctx, expect, s, named...)
		if err != nil {
			return err
		}
		fmt.Printf("cluster %s created; waiting for %d nodes (holt cluster status)\n", reply.ClusterId, expect)
		return nil
	})
	f.Uint32Var(&expect, "expect-nodes", 1, "how many nodes to wait for before the shards are created")
	f.BoolVar(&ifNeeded, "if-needed", false, "succeed, and change nothing, where the node belongs to a cluster already")
	f.Uint32Var(&s.Replicas, "replicas", 0, "replicas of each shard: 1, 3 or 5; 0 takes the smaller of 3 and the nodes, made odd")
	f.Uint32Var(&s.Shards, "shards", 0, "number of shards; 0 makes one for each node")
	f.DurationVar(&heartbeat, "heartbeat", 0, "after how long without a word from a leader another is elected; 0 takes 300ms")
	f.DurationVar(&lease, "lease", 0, "for how long a leader reads without asking again; at most 0.9 of --lease-max; 0 takes 180ms")
	f.DurationVar(&leaseMax, "lease-max", 0, "for how long a new leader waits for leases of earlier ones; never changes; 0 takes 200ms")
	return c
}

func transferCommand(with withAdmin) *cobra.Command {
	var id uint64
	var to string
	c := &cobra.Command{Use: "transfer", Short: "Hand the leadership of a shard to another node", Args: cobra.NoArgs}
	c.RunE = with(func(ctx context.Context, a *client.Admin) error {
		reply, err := a.Transfer(ctx, id, to)
		if err != nil {
			return err
		}
		fmt.Printf("shard %d is led by node %s\n", id, reply.LeaderNodeId)
		return nil
	})
	c.Flags().Uint64Var(&id, "shard", 0, "the shard; 0 is the meta group")
	c.Flags().StringVar(&to, "to", "", "id of the node that shall lead; empty takes the replica that is furthest")
	return c
}

func printStatus(ctx context.Context, a *client.Admin) error {
	s, err := a.Status(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	if s.Phase == clusterv1.ClusterPhase_CLUSTER_PHASE_UNINITIALIZED {
		fmt.Fprintf(w, "node %s belongs to no cluster: run holt cluster init, or start it with --join\n", s.NodeId)
		return nil
	}
	fmt.Fprintf(w, "cluster\t%s\n", s.ClusterId)
	fmt.Fprintf(w, "phase\t%s\n", phaseText(s))
	fmt.Fprintf(w, "slots\t%d of 16384 served\n", s.SlotsServed)
	fmt.Fprintf(w, "nodes\t%d joined, %d alive, %d expected\n", s.NodesJoined, s.NodesAlive, s.NodesExpected)
	fmt.Fprintf(w, "shards\t%d\n", s.Shards)
	fmt.Fprintf(w, "epoch\t%d\n", s.Epoch)
	fmt.Fprintf(w, "meta leader\t%s\n", orNone(s.MetaLeaderNodeId))
	fmt.Fprintf(w, "meta voters\t%s\n", strings.Join(s.MetaVoterNodeIds, " "))
	for _, waiting := range s.Waiting {
		fmt.Fprintf(w, "under way\t%s\n", waiting)
	}
	if err := statusOfMigrations(ctx, a, w); err != nil {
		return err
	}
	settings, err := a.Settings(ctx)
	if err != nil {
		return err
	}
	for _, s := range settings {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Value)
	}
	return nil
}

func phaseText(s *clusterv1.GetClusterStatusResponse) string {
	switch s.Phase {
	case clusterv1.ClusterPhase_CLUSTER_PHASE_WAITING_FOR_NODES:
		return fmt.Sprintf("waiting for nodes: %d of %d have joined", s.NodesJoined, s.NodesExpected)
	case clusterv1.ClusterPhase_CLUSTER_PHASE_CREATING_SHARDS:
		return "creating shards"
	case clusterv1.ClusterPhase_CLUSTER_PHASE_RUNNING:
		return "running"
	}
	return s.Phase.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func printNodes(ctx context.Context, a *client.Admin) error {
	nodes, err := a.Nodes(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "NODE\tHEALTH\tRESP\tGRPC\tCLUSTER\tREPLICAS\tLEADS\tMETA\tZONE\tVERSION")
	for _, n := range nodes {
		health := strings.ToLower(strings.TrimPrefix(n.Node.Health.String(), "NODE_HEALTH_"))
		if n.Draining {
			health += ", draining"
		}
		meta := "-"
		if n.MetaVoter {
			meta = "voter"
		}
		zone := n.Zone
		if zone == "" {
			zone = "-"
		}
		at := n.Node.Addresses
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", n.Node.Id, health, at.Resp, at.Grpc, at.Cluster, n.Replicas, n.ShardsLed, meta, zone, n.Version)
	}
	return nil
}

func printShards(ctx context.Context, a *client.Admin) error {
	list, err := a.Shards(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "SHARD\tSLOTS\tSTATE\tLEADER\tTERM\tKEYS\tREPLICAS")
	for _, s := range list.Shards {
		var slots []string
		for _, r := range s.Shard.Slots {
			slots = append(slots, fmt.Sprintf("%d-%d", r.First, r.Last))
		}
		var replicas []string
		var keys uint64
		for _, r := range s.Shard.Replicas {
			name := short(r.NodeId)
			if r.Role == clusterv1.ReplicaRole_REPLICA_ROLE_LEARNER {
				name += " (learner)"
			}
			replicas = append(replicas, name)
		}
		for _, r := range s.Replicas {
			if r.NodeId == s.Shard.LeaderNodeId {
				keys = r.Keys
			}
		}
		state := strings.ToLower(strings.TrimPrefix(s.State.String(), "SHARD_STATE_"))
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%s\n", s.Shard.Id, strings.Join(slots, ","), state, orNone(short(s.Shard.LeaderNodeId)), s.Shard.Term, keys, strings.Join(replicas, " "))
	}
	return nil
}

// short is enough of a node id to tell nodes apart.
func short(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}
