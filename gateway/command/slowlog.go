package command

func slowLogSpecs() []*Spec {
	return []*Spec{
		{
			Name: "slowlog", Arity: -2,
			Summary: "A container for slow log commands",
			Since:   "2.2.12", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "get", Arity: -2, Flags: Admin | Loading | Stale,
					Tips:    []string{"request_policy:all_nodes", "nondeterministic_output"},
					Summary: "Get the slow log's entries",
					Since:   "2.2.12", Complexity: "O(N) where N is the number of entries returned",
					Arguments: []Arg{integer("count").optional()},
				},
				{
					Name: "len", Arity: 2, Flags: Admin | Loading | Stale,
					Tips:    []string{"request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"},
					Summary: "Get the slow log's length",
					Since:   "2.2.12", Complexity: "O(1)",
				},
				{
					Name: "reset", Arity: 2, Flags: Admin | Loading | Stale,
					Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
					Summary: "Clear all entries from the slow log",
					Since:   "2.2.12", Complexity: "O(N) where N is the number of entries in the slowlog",
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands",
					Since:   "6.2.0", Complexity: "O(1)",
				},
			},
		},
	}
}
