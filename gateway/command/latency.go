package command

func latencySpecs() []*Spec {
	const flags = Admin | NoScript | Loading | Stale
	ofEach := []string{"nondeterministic_output", "request_policy:all_nodes", "response_policy:special"}
	return []*Spec{
		{
			Name: "latency", Arity: -2,
			Summary: "A container for latency diagnostics commands",
			Since:   "2.8.13", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "doctor", Arity: 2, Flags: flags, Tips: ofEach,
					Summary: "Return a human readable latency analysis report.",
					Since:   "2.8.13", Complexity: "O(1)",
				},
				{
					Name: "histogram", Arity: -2, Flags: flags, Tips: ofEach,
					Summary: "Return the cumulative distribution of latencies of a subset of commands or all.",
					Since:   "7.0.0", Complexity: "O(N) where N is the number of commands with latency information being retrieved.",
					Arguments: []Arg{text("command").optional().repeated()},
				},
				{
					Name: "history", Arity: 3, Flags: flags, Tips: ofEach,
					Summary: "Return timestamp-latency samples for the event.",
					Since:   "2.8.13", Complexity: "O(1)",
					Arguments: []Arg{text("event")},
				},
				{
					Name: "latest", Arity: 2, Flags: flags, Tips: ofEach,
					Summary: "Return the latest latency samples for all events.",
					Since:   "2.8.13", Complexity: "O(1)",
				},
				{
					Name: "reset", Arity: -2, Flags: flags,
					Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
					Summary: "Reset latency data for one or more events.",
					Since:   "2.8.13", Complexity: "O(1)",
					Arguments: []Arg{text("event").optional().repeated()},
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands.",
					Since:   "2.8.13", Complexity: "O(1)",
				},
			},
		},
	}
}
