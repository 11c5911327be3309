package command

func aclSpecs() []*Spec {
	const anytime = NoScript | Loading | Stale
	return []*Spec{
		{
			Name: "acl", Arity: -2,
			Summary: "A container for Access Control List commands",
			Since:   "6.0.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "cat", Arity: -2, Flags: anytime,
					Summary: "List the ACL categories or the commands inside a category",
					Since:   "6.0.0", Complexity: "O(1) since the categories and commands are a fixed set.",
					Arguments: []Arg{text("categoryname").optional()},
				},
				{
					Name: "deluser", Arity: -3, Flags: Admin | anytime,
					Summary: "Remove the specified ACL users and the associated rules",
					Since:   "6.0.0", Complexity: "O(1) amortized time considering the typical user.",
					Arguments: []Arg{text("username").repeated()},
				},
				{
					Name: "dryrun", Arity: -4, Flags: Admin | anytime,
					Summary: "Returns whether the user can execute the given command without executing the command.",
					Since:   "7.0.0", Complexity: "O(1).",
					Arguments: []Arg{text("username"), text("command"), text("arg").optional().repeated()},
				},
				{
					Name: "genpass", Arity: -2, Flags: anytime,
					Summary: "Generate a pseudorandom secure password to use for ACL users",
					Since:   "6.0.0", Complexity: "O(1)",
					Arguments: []Arg{integer("bits").optional()},
				},
				{
					Name: "getuser", Arity: 3, Flags: Admin | anytime,
					Summary: "Get the rules for a specific ACL user",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of password, command and pattern rules that the user has.",
					Arguments: []Arg{text("username")},
				},
				{
					Name: "list", Arity: 2, Flags: Admin | anytime,
					Summary: "List the current ACL rules in ACL config file format",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of configured users.",
				},
				{
					Name: "load", Arity: 2, Flags: Admin | anytime,
					Summary: "Reload the ACLs from the configured ACL file",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of configured users.",
				},
				{
					Name: "log", Arity: -2, Flags: Admin | anytime,
					Summary: "List latest events denied because of ACLs in place",
					Since:   "6.0.0", Complexity: "O(N) with N being the number of entries shown.",
					Arguments: []Arg{oneOf("operation", integer("count"), token("RESET")).optional()},
				},
				{
					Name: "save", Arity: 2, Flags: Admin | anytime,
					Summary: "Save the current ACL rules in the configured ACL file",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of configured users.",
				},
				{
					Name: "setuser", Arity: -3, Flags: Admin | anytime,
					Summary: "Modify or create the rules for a specific ACL user",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of rules provided.",
					Arguments: []Arg{text("username"), text("rule").optional().repeated()},
				},
				{
					Name: "users", Arity: 2, Flags: Admin | anytime,
					Summary: "List the username of all the configured ACL rules",
					Since:   "6.0.0", Complexity: "O(N). Where N is the number of configured users.",
				},
				{
					Name: "whoami", Arity: 2, Flags: anytime,
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
