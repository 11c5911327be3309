package command

func aclSpecs() []*Spec {
	return []*Spec{
		{
			Name: "acl", Arity: -2,
			Summary: "A container for Access Control List commands",
			Since:   "6.0.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "whoami", Arity: 2, Flags: NoScript | Loading | Stale,
					Summary: "Return the name of the user associated to the current connection",
					Since:   "6.0.0", Complexity: "O(1)",
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands",
					Since:   "6.0.0", Complexity: "O(1)",
				},
			},
		},
	}
}
