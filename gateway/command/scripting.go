package command

func scriptingSpecs() []*Spec {
	return []*Spec{
		{
			Name: "function", Arity: -2,
			Summary: "A container for function commands",
			Since:   "7.0.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "flush", Arity: -2, Flags: Write | NoScript, Categories: CatScripting,
					Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
					Summary: "Deleting all functions",
					Since:   "7.0.0", Complexity: "O(N) where N is the number of functions deleted",
					Arguments: []Arg{oneOf("async", token("ASYNC"), token("SYNC")).optional()},
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatScripting,
					Summary: "Show helpful text about the different subcommands",
					Since:   "7.0.0", Complexity: "O(1)",
				},
			},
		},
		{
			Name: "script", Arity: -2,
			Summary: "A container for Lua scripts management commands",
			Since:   "2.6.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "exists", Arity: -3, Flags: NoScript, Categories: CatScripting,
					Tips:    []string{"request_policy:all_shards", "response_policy:agg_logical_and"},
					Summary: "Check existence of scripts in the script cache.",
					Since:   "2.6.0", Complexity: "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
					Arguments: []Arg{text("sha1").repeated()},
				},
				{
					Name: "kill", Arity: 2, Flags: NoScript | AllowBusy, Categories: CatScripting,
					Tips:    []string{"request_policy:all_shards", "response_policy:one_succeeded"},
					Summary: "Kill the script currently in execution.",
					Since:   "2.6.0", Complexity: "O(1)",
				},
				{
					Name: "load", Arity: 3, Flags: NoScript | Stale, Categories: CatScripting,
					Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
					Summary: "Load the specified Lua script into the script cache.",
					Since:   "2.6.0", Complexity: "O(N) with N being the length in bytes of the script body.",
					Arguments: []Arg{text("script")},
				},
				{
					Name: "flush", Arity: -2, Flags: NoScript, Categories: CatScripting,
					Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
					Summary: "Remove all the scripts from the script cache.",
					Since:   "2.6.0", Complexity: "O(N) with N being the number of scripts in cache",
					Arguments: []Arg{oneOf("async", token("ASYNC"), token("SYNC")).from("6.2.0").optional()},
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatScripting,
					Summary: "Show helpful text about the different subcommands",
					Since:   "5.0.0", Complexity: "O(1)",
				},
			},
		},
	}
}
