package command

// clusterAdminSpecs are the subcommands of CLUSTER that change a cluster. Some of them are answered with what to use instead, so
// that tools for Redis Cluster end with a word that helps.
func clusterAdminSpecs() []*Spec {
	const flags = Admin | Stale | NoAsyncLoading
	return []*Spec{
		{
			Name: "forget", Arity: 3, Flags: flags,
			Summary: "Remove a node from the nodes table",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("node-id")},
		},
		{
			Name: "failover", Arity: -2, Flags: flags,
			Summary: "Make this node lead the shards that it holds a replica of",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{oneOf("options", token("FORCE"), token("TAKEOVER")).optional()},
		},
		{
			Name: "migrateslots", Arity: -4, Flags: flags,
			Summary: "Hand slots over to other nodes",
			Since:   "9.0.0", Complexity: "O(N) where N is the total number of the slots between all start slot and end slot arguments.",
			Arguments: []Arg{block("migration",
				block("range", integer("start-slot"), integer("end-slot")).after("SLOTSRANGE").repeated(), text("node-id").after("NODE")).repeated()},
		},
		{
			Name: "getslotmigrations", Arity: 2, Flags: flags,
			Tips:    []string{"nondeterministic_output"},
			Summary: "List the migrations of slots that run, and the last ones",
			Since:   "9.0.0", Complexity: "O(N) where N is the number of migrations.",
		},
		{
			Name: "cancelslotmigrations", Arity: 2, Flags: flags,
			Summary: "Abort all migrations of slots that are not decided yet",
			Since:   "9.0.0", Complexity: "O(N) where N is the number of migrations.",
		},
		{
			Name: "setslot", Arity: -4, Flags: flags,
			Summary: "Bind a hash slot to a specific node",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{integer("slot"), oneOf("subcommand",
				text("node-id").after("IMPORTING"), text("node-id").after("MIGRATING"), text("node-id").after("NODE"), token("STABLE"))},
		},
		{
			Name: "meet", Arity: -4, Flags: flags,
			Summary: "Force a node cluster to handshake with another node",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("ip"), integer("port"), integer("cluster_bus_port").from("4.0.0").optional()},
		},
		{
			Name: "addslots", Arity: -3, Flags: flags,
			Summary: "Assign new hash slots to receiving node",
			Since:   "3.0.0", Complexity: "O(N) where N is the total number of hash slot arguments",
			Arguments: []Arg{integer("slot").repeated()},
		},
		{
			Name: "addslotsrange", Arity: -4, Flags: flags,
			Summary: "Assign new hash slots to receiving node",
			Since:   "7.0.0", Complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
			Arguments: []Arg{block("start-slot_end-slot", integer("start-slot"), integer("end-slot")).repeated()},
		},
		{
			Name: "delslots", Arity: -3, Flags: flags,
			Summary: "Set hash slots as unbound in receiving node",
			Since:   "3.0.0", Complexity: "O(N) where N is the total number of hash slot arguments",
			Arguments: []Arg{integer("slot").repeated()},
		},
		{
			Name: "delslotsrange", Arity: -4, Flags: flags,
			Summary: "Set hash slots as unbound in receiving node",
			Since:   "7.0.0", Complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
			Arguments: []Arg{block("start-slot_end-slot", integer("start-slot"), integer("end-slot")).repeated()},
		},
		{
			Name: "replicate", Arity: 3, Flags: flags,
			Summary: "Reconfigure a node as a replica of the specified node",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("node-id")},
		},
		{
			Name: "reset", Arity: -2, Flags: Admin | Stale | NoScript,
			Summary: "Reset a Redis Cluster node",
			Since:   "3.0.0", Complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
			Arguments: []Arg{oneOf("hard_soft", token("HARD"), token("SOFT")).optional()},
		},
		{
			Name: "bumpepoch", Arity: 2, Flags: flags,
			Tips:    []string{"nondeterministic_output"},
			Summary: "Advance the cluster config epoch",
			Since:   "3.0.0", Complexity: "O(1)",
		},
		{
			Name: "flushslots", Arity: 2, Flags: flags,
			Summary: "Delete a node's own slots information",
			Since:   "3.0.0", Complexity: "O(1)",
		},
		{
			Name: "saveconfig", Arity: 2, Flags: flags,
			Summary: "Forces the node to save cluster state on disk",
			Since:   "3.0.0", Complexity: "O(1)",
		},
		{
			Name: "set-config-epoch", Arity: 3, Flags: flags,
			Summary: "Set the configuration epoch in a new node",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{integer("config-epoch")},
		},
		{
			Name: "count-failure-reports", Arity: 3, Flags: Admin | Stale,
			Tips:    []string{"nondeterministic_output"},
			Summary: "Return the number of failure reports active for a given node",
			Since:   "3.0.0", Complexity: "O(N) where N is the number of failure reports",
			Arguments: []Arg{text("node-id")},
		},
	}
}
