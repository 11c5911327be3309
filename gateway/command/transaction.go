package command

func transactionSpecs() []*Spec {
	return []*Spec{
		{
			Name: "multi", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
			Summary: "Mark the start of a transaction block",
			Since:   "1.2.0", Complexity: "O(1)",
		},
		{
			Name: "exec", Arity: 1, Flags: NoScript | Loading | Stale | SkipSlowlog, Categories: CatTransaction,
			Summary: "Execute all commands issued after MULTI",
			Since:   "1.2.0", Complexity: "Depends on commands in the transaction",
		},
		{
			Name: "discard", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
			Summary: "Discard all commands issued after MULTI",
			Since:   "2.0.0", Complexity: "O(N), when N is the number of queued commands",
		},
		{
			Name: "watch", Arity: -2, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
			KeySpecs: allKeys(KeyRO),
			Summary:  "Watch the given keys to determine execution of the MULTI/EXEC block",
			Since:    "2.2.0", Complexity: "O(1) for every key.",
			Arguments: []Arg{key().repeated()},
		},
		{
			Name: "unwatch", Arity: 1, Flags: NoScript | Loading | Stale | Fast | AllowBusy, Categories: CatTransaction,
			Summary: "Forget about all watched keys",
			Since:   "2.2.0", Complexity: "O(1)",
		},
	}
}
