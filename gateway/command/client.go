package command

func clientSpecs() []*Spec {
	return []*Spec{
		{
			Name: "client", Arity: -2,
			Summary: "A container for client connection commands",
			Since:   "2.4.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "id", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Returns the client ID for the current connection",
					Since:   "5.0.0", Complexity: "O(1)",
				},
				{
					Name: "info", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Returns information about the current client connection.",
					Since:   "6.2.0", Complexity: "O(1)",
				},
				{
					Name: "list", Arity: -2, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Tips:    []string{"nondeterministic_output"},
					Summary: "Get the list of client connections",
					Since:   "2.4.0", Complexity: "O(N) where N is the number of client connections",
					Arguments: []Arg{
						oneOf("normal_master_replica_pubsub",
							token("NORMAL"),
							token("MASTER"),
							token("REPLICA"),
							token("PUBSUB"),
						).after("TYPE").from("5.0.0").optional(),
						block("id", integer("client-id").repeated()).after("ID").from("6.2.0").optional(),
					},
				},
				{
					Name: "setname", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Set the current connection name",
					Since:   "2.6.9", Complexity: "O(1)",
					Arguments: []Arg{text("connection-name")},
				},
				{
					Name: "getname", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Get the current connection name",
					Since:   "2.6.9", Complexity: "O(1)",
				},
				{
					Name: "no-evict", Arity: 3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Set client eviction mode for the current connection",
					Since:   "7.0.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("enabled", token("ON"), token("OFF"))},
				},
				{
					Name: "no-touch", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Control whether commands of this connection count as access of keys",
					Since:   "7.2.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("enabled", token("ON"), token("OFF"))},
				},
				{
					Name: "tracking", Arity: -3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Enable or disable server assisted client side caching support",
					Since:   "6.0.0", Complexity: "O(1). Some options may introduce additional complexity.",
					Arguments: []Arg{
						oneOf("status", token("ON"), token("OFF")),
						integer("client-id").after("REDIRECT").optional(),
						text("prefix").after("PREFIX").optional().repeated().repeatedToken(),
						token("BCAST").optional(),
						token("OPTIN").optional(),
						token("OPTOUT").optional(),
						token("NOLOOP").optional(),
					},
				},
				{
					Name: "caching", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Instruct the server about tracking or not keys in the next request",
					Since:   "6.0.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("mode", token("YES"), token("NO"))},
				},
				{
					Name: "reply", Arity: 3, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Instruct the server whether to reply to commands",
					Since:   "3.2.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("on_off_skip", token("ON"), token("OFF"), token("SKIP"))},
				},
				{
					Name: "getredir", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Get tracking notifications redirection client ID if any",
					Since:   "6.0.0", Complexity: "O(1)",
				},
				{
					Name: "trackinginfo", Arity: 2, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Return information about server assisted client side caching for the current connection",
					Since:   "6.2.0", Complexity: "O(1)",
				},
				{
					Name: "kill", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Kill the connection of a client",
					Since:   "2.4.0", Complexity: "O(N) where N is the number of client connections",
					Arguments: []Arg{
						oneOf("filter",
							text("ip:port").until("2.8.12"),
							oneOf("new-format",
								integer("client-id").after("ID").from("2.8.12").optional(),
								oneOf("normal_master_slave_pubsub",
									token("NORMAL"), token("MASTER").from("3.2.0"), token("SLAVE"), token("REPLICA").from("5.0.0"), token("PUBSUB"),
								).after("TYPE").from("2.8.12").optional(),
								text("username").after("USER").optional(),
								text("ip:port").after("ADDR").optional(),
								text("ip:port").after("LADDR").from("6.2.0").optional(),
								text("yes/no").after("SKIPME").optional(),
							).repeated(),
						),
					},
				},
				{
					Name: "pause", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Stop processing commands from clients for some time",
					Since:   "2.9.50", Complexity: "O(1)",
					Arguments: []Arg{
						integer("timeout"),
						oneOf("mode", token("WRITE"), token("ALL")).from("6.2.0").optional(),
					},
				},
				{
					Name: "unpause", Arity: 2, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Resume processing of clients that were paused",
					Since:   "6.2.0", Complexity: "O(N) Where N is the number of paused clients",
				},
				{
					Name: "unblock", Arity: -3, Flags: Admin | NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Unblock a client blocked in a blocking command from a different connection",
					Since:   "5.0.0", Complexity: "O(log N) where N is the number of client connections",
					Arguments: []Arg{
						integer("client-id"),
						oneOf("timeout_error", token("TIMEOUT"), token("ERROR")).optional(),
					},
				},
				{
					Name: "setinfo", Arity: 4, Flags: NoScript | Loading | Stale, Categories: CatConnection,
					Summary: "Set the name or version of the client library",
					Since:   "7.2.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("attr", text("libname").after("LIB-NAME"), text("libver").after("LIB-VER"))},
				},
				{
					Name: "durability", Arity: 3, Flags: NoScript | Loading | Stale, OwnSession: true, Categories: CatConnection,
					Summary: "Choose when writes of this connection are acknowledged",
					Since:   "0.1.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("mode", token("ASYNC"), token("MAJORITY"))},
				},
				{
					Name: "readmode", Arity: 3, Flags: NoScript | Loading | Stale, OwnSession: true, Categories: CatConnection,
					Summary: "Choose how reads of this connection are made consistent",
					Since:   "0.1.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("mode", token("LEASE"), token("INDEX"), token("STALE"))},
				},
				{
					Name: "routing", Arity: 3, Flags: NoScript | Loading | Stale, OwnSession: true, Categories: CatConnection,
					Summary: "Choose whether this connection is redirected to the nodes of its keys",
					Since:   "0.2.0", Complexity: "O(1)",
					Arguments: []Arg{oneOf("mode", token("CLUSTER"), token("PROXY"))},
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
