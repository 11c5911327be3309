package command

func serverSpecs() []*Spec {
	return []*Spec{
		{
			Name: "info", Arity: -1, Flags: Loading | Stale, Categories: CatDangerous,
			Tips:    []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
			Summary: "Get information and statistics about the server",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{text("section").optional().repeated()},
		},
		{
			Name: "dbsize", Arity: 1, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_sum"},
			Summary: "Return the number of keys in the selected database",
			Since:   "1.0.0", Complexity: "O(1)",
		},
		{
			Name: "flushall", Arity: -1, Flags: Write, Categories: CatKeyspace | CatDangerous,
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Summary: "Remove all keys from all databases",
			Since:   "1.0.0", Complexity: "O(N) where N is the total number of keys in all databases",
			Arguments: []Arg{oneOf("async", token("ASYNC").from("4.0.0"), token("SYNC").from("6.2.0")).optional()},
		},
		{
			Name: "flushdb", Arity: -1, Flags: Write, Categories: CatKeyspace | CatDangerous,
			Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
			Summary: "Remove all keys from the current database",
			Since:   "1.0.0", Complexity: "O(N) where N is the number of keys in the selected database",
			Arguments: []Arg{oneOf("async", token("ASYNC").from("4.0.0"), token("SYNC").from("6.2.0")).optional()},
		},
		{
			Name: "time", Arity: 1, Flags: Loading | Stale | Fast,
			Tips:    []string{"nondeterministic_output"},
			Summary: "Return the current server time",
			Since:   "2.6.0", Complexity: "O(1)",
		},
		{
			Name: "lastsave", Arity: 1, Flags: Loading | Stale | Fast, Categories: CatAdmin | CatDangerous,
			Tips:    []string{"nondeterministic_output"},
			Summary: "Get the UNIX time stamp of the last successful save to disk",
			Since:   "1.0.0", Complexity: "O(1)",
		},
		{
			Name: "save", Arity: 1, Flags: Admin | NoAsyncLoading | NoScript | NoMulti,
			Summary: "Synchronously save the dataset to disk",
			Since:   "1.0.0", Complexity: "O(N) where N is the total number of keys in all databases",
		},
		{
			Name: "bgsave", Arity: -1, Flags: Admin | NoAsyncLoading | NoScript,
			Summary: "Asynchronously save the dataset to disk",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{token("SCHEDULE").optional().from("3.2.2")},
		},
		{
			Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast, Categories: CatAdmin | CatDangerous,
			Summary: "Return the role of the instance in the context of replication",
			Since:   "2.8.12", Complexity: "O(1)",
		},
		{
			Name: "shutdown", Arity: -1, Flags: Admin | NoScript | Loading | Stale | NoMulti | AllowBusy,
			Summary: "Synchronously save the dataset to disk and then shut down the server",
			Since:   "1.0.0", Complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
			Arguments: []Arg{
				oneOf("nosave_save", token("NOSAVE"), token("SAVE")).optional(),
				token("NOW").from("7.0.0").optional(),
				token("FORCE").from("7.0.0").optional(),
				token("ABORT").from("7.0.0").optional(),
			},
		},
		{
			Name: "debug", Arity: -2, Flags: Admin | NoScript | Loading | Stale, DocFlags: []string{"syscmd"},
			Summary: "A container for debugging commands",
			Since:   "1.0.0", Complexity: "Depends on subcommand.",
		},
		{
			Name: "bgrewriteaof", Arity: 1, Flags: Admin | NoAsyncLoading | NoScript,
			Summary: "Asynchronously rewrite the append-only file",
			Since:   "1.0.0", Complexity: "O(1)",
		},
	}
}
