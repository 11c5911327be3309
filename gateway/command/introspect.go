package command

func introspectSpecs() []*Spec {
	return []*Spec{
		{
			Name: "command", Arity: -1, Flags: Loading | Stale, Categories: CatConnection,
			Tips:    []string{"nondeterministic_output_order"},
			Summary: "Get array of Redis command details",
			Since:   "2.8.13", Complexity: "O(N) where N is the total number of Redis commands",
			Subcommands: []*Spec{
				{
					Name: "count", Arity: 2, Flags: Loading | Stale, Categories: CatConnection,
					Summary: "Get total number of Redis commands",
					Since:   "2.8.13", Complexity: "O(1)",
				},
				{
					Name: "info", Arity: -2, Flags: Loading | Stale, Categories: CatConnection,
					Tips:    []string{"nondeterministic_output_order"},
					Summary: "Get array of specific Redis command details, or all when no argument is given.",
					Since:   "2.8.13", Complexity: "O(N) where N is the number of commands to look up",
					Arguments: []Arg{text("command-name").optional().repeated()},
				},
				{
					Name: "docs", Arity: -2, Flags: Loading | Stale, Categories: CatConnection,
					Tips:    []string{"nondeterministic_output_order"},
					Summary: "Get array of specific Redis command documentation",
					Since:   "7.0.0", Complexity: "O(N) where N is the number of commands to look up",
					Arguments: []Arg{text("command-name").optional().repeated()},
				},
				{
					Name: "list", Arity: -2, Flags: Loading | Stale, Categories: CatConnection,
					Tips:    []string{"nondeterministic_output_order"},
					Summary: "Get an array of Redis command names",
					Since:   "7.0.0", Complexity: "O(N) where N is the total number of Redis commands",
					Arguments: []Arg{
						oneOf("filterby",
							text("module-name").after("MODULE"),
							text("category").after("ACLCAT"),
							pattern("pattern").after("PATTERN"),
						).after("FILTERBY").optional(),
					},
				},
				{
					Name: "getkeys", Arity: -4, Flags: Loading | Stale, Categories: CatConnection,
					Summary: "Extract keys given a full Redis command",
					Since:   "2.8.13", Complexity: "O(N) where N is the number of arguments to the command",
				},
				{
					Name: "getkeysandflags", Arity: -4, Flags: Loading | Stale, Categories: CatConnection,
					Summary: "Extract keys and access flags given a full Redis command",
					Since:   "7.0.0", Complexity: "O(N) where N is the number of arguments to the command",
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatConnection,
					Summary: "Show helpful text about the different subcommands",
					Since:   "5.0.0", Complexity: "O(1)",
				},
			},
		},
	}
}
