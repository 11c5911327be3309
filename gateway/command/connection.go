package command

func connectionSpecs() []*Spec {
	return []*Spec{
		{
			Name: "ping", Arity: -1, Flags: Fast, Categories: CatConnection,
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Summary: "Ping the server",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("message").optional()},
		},
		{
			Name: "echo", Arity: 2, Flags: Loading | Stale | Fast, Categories: CatConnection,
			Summary: "Echo the given string",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("message")},
		},
		{
			Name: "quit", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, Categories: CatConnection,
			Summary: "Close the connection",
			Since:   "1.0.0", Complexity: "O(1)",
		},
		{
			Name: "reset", Arity: 1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, Categories: CatConnection,
			Summary: "Reset the connection",
			Since:   "6.2.0", Complexity: "O(1)",
		},
		{
			Name: "select", Arity: 2, Flags: Loading | Stale | Fast, Categories: CatConnection,
			Summary: "Change the selected database for the current connection",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{integer("index")},
		},
		{
			Name: "auth", Arity: -2, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, Categories: CatConnection,
			Summary: "Authenticate to the server",
			Since:   "1.0.0", Complexity: "O(N) where N is the number of passwords defined for the user",
			Arguments: []Arg{text("username").from("6.0.0").optional(), text("password")},
		},
		{
			Name: "hello", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy, Categories: CatConnection,
			Summary: "Handshake with Redis",
			Since:   "6.0.0", Complexity: "O(1)",
			Arguments: []Arg{
				block("arguments",
					integer("protover"),
					block("username_password", text("username"), text("password")).after("AUTH").optional(),
					text("clientname").after("SETNAME").optional(),
				).optional(),
			},
		},
	}
}
