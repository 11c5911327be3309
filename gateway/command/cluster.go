package command

func clusterSpecs() []*Spec {
	return []*Spec{
		{
			Name: "cluster", Arity: -2,
			Summary: "A container for cluster commands",
			Since:   "3.0.0", Complexity: "Depends on subcommand.",
			Subcommands: append(clusterAdminSpecs(), []*Spec{
				{
					Name: "slots", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Get array of Cluster slot to node mappings",
					Since:   "3.0.0", Complexity: "O(N) where N is the total number of Cluster nodes",
					DeprecatedSince: "7.0.0", ReplacedBy: "`CLUSTER SHARDS`",
				},
				{
					Name: "shards", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Get array of cluster slots to node mappings",
					Since:   "7.0.0", Complexity: "O(N) where N is the total number of cluster nodes",
				},
				{
					Name: "nodes", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Get Cluster config for the node",
					Since:   "3.0.0", Complexity: "O(N) where N is the total number of Cluster nodes",
				},
				{
					Name: "info", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Provides info about Redis Cluster node state",
					Since:   "3.0.0", Complexity: "O(1)",
				},
				{
					Name: "myid", Arity: 2, Flags: Stale,
					Summary: "Return the node id",
					Since:   "3.0.0", Complexity: "O(1)",
				},
				{
					Name: "keyslot", Arity: 3, Flags: Stale,
					Summary: "Returns the hash slot of the specified key",
					Since:   "3.0.0", Complexity: "O(N) where N is the number of bytes in the key",
					Arguments: []Arg{text("key")},
				},
				{
					Name: "countkeysinslot", Arity: 3, Flags: Stale,
					Summary: "Return the number of local keys in the specified hash slot",
					Since:   "3.0.0", Complexity: "O(1)",
					Arguments: []Arg{integer("slot")},
				},
				{
					Name: "getkeysinslot", Arity: 4, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Return local key names in the specified hash slot",
					Since:   "3.0.0", Complexity: "O(log(N)) where N is the number of requested keys",
					Arguments: []Arg{integer("slot"), integer("count")},
				},
				{
					Name: "links", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Returns a list of all TCP links to and from peer nodes in cluster",
					Since:   "7.0.0", Complexity: "O(N) where N is the total number of Cluster nodes",
				},
				{
					Name: "replicas", Arity: 3, Flags: Admin | Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "List the replicas of a node",
					Since:   "5.0.0", Complexity: "O(1)",
					Arguments: []Arg{text("node-id")},
				},
				{
					Name: "slaves", Arity: 3, Flags: Admin | Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "List the replicas of a node",
					Since:   "3.0.0", Complexity: "O(1)",
					DeprecatedSince: "5.0.0", ReplacedBy: "`CLUSTER REPLICAS`",
					Arguments: []Arg{text("node-id")},
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands",
					Since:   "5.0.0", Complexity: "O(1)",
				},
				{
					Name: "myshardid", Arity: 2, Flags: Stale,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Return the shard id of the node",
					Since:   "7.2.0", Complexity: "O(1)",
				},
			}...),
		},
		{
			Name: "readonly", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatConnection,
			Summary: "Enables read queries for a connection to a cluster replica node",
			Since:   "3.0.0", Complexity: "O(1)",
		},
		{
			Name: "readwrite", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatConnection,
			Summary: "Disables read queries for a connection to a cluster replica node",
			Since:   "3.0.0", Complexity: "O(1)",
		},
		{
			Name: "asking", Arity: 1, Flags: Fast, OwnSession: true, Categories: CatConnection,
			Summary: "Sent by cluster clients after an -ASK redirect",
			Since:   "3.0.0", Complexity: "O(1)",
		},
	}
}
