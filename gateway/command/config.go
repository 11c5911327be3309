package command

func configSpecs() []*Spec {
	return []*Spec{
		{
			Name: "config", Arity: -2,
			Summary: "A container for server configuration commands",
			Since:   "2.0.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "get", Arity: -3, Flags: Admin | NoScript | Loading | Stale,
					Summary: "Get the values of configuration parameters",
					Since:   "2.0.0", Complexity: "O(N) when N is the number of configuration parameters provided",
					Arguments: []Arg{block("parameter", text("parameter")).repeated()},
				},
				{
					Name: "set", Arity: -4, Flags: Admin | NoScript | Loading | Stale,
					Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
					Summary: "Set configuration parameters to the given values",
					Since:   "2.0.0", Complexity: "O(N) when N is the number of configuration parameters provided",
					Arguments: []Arg{block("parameter_value", text("parameter"), text("value")).repeated()},
				},
				{
					Name: "resetstat", Arity: 2, Flags: Admin | NoScript | Loading | Stale,
					Summary: "Reset the stats returned by INFO",
					Since:   "2.0.0", Complexity: "O(1)",
				},
				{
					Name: "rewrite", Arity: 2, Flags: Admin | NoScript | Loading | Stale,
					Summary: "Rewrite the configuration file with the in memory configuration",
					Since:   "2.8.0", Complexity: "O(1)",
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands",
					Since:   "5.0.0", Complexity: "O(1)",
				},
			},
		},
	}
}
