package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func memorySpecs(p parser) []*Spec {
	const slow = "Depends on how much memory is allocated, could be slow"
	answeredByEach := []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"}
	return []*Spec{
		{
			Name: "memory", Arity: -2,
			Summary: "A container for memory diagnostics commands",
			Since:   "4.0.0", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "doctor", Arity: 2, Tips: answeredByEach,
					Summary: "Outputs memory problems report",
					Since:   "4.0.0", Complexity: "O(1)",
				},
				{
					Name: "malloc-stats", Arity: 2, Tips: answeredByEach,
					Summary: "Show allocator internal stats",
					Since:   "4.0.0", Complexity: slow,
				},
				{
					Name: "purge", Arity: 2,
					Tips:    []string{"request_policy:all_shards", "response_policy:all_succeeded"},
					Summary: "Ask the allocator to release memory",
					Since:   "4.0.0", Complexity: slow,
				},
				{
					Name: "stats", Arity: 2, Tips: answeredByEach,
					Summary: "Show memory usage details",
					Since:   "4.0.0", Complexity: "O(1)",
				},
				{
					Name: "usage", Arity: -3, Flags: ReadOnly,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Summary:  "Estimate the memory usage of a key",
					Since:    "4.0.0", Complexity: "O(N) where N is the number of samples.",
					Arguments: []Arg{key(), integer("count").after("SAMPLES").optional()},
					Parse:     p.memoryUsage,
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale,
					Summary: "Show helpful text about the different subcommands",
					Since:   "4.0.0", Complexity: "O(1)",
				},
			},
		},
	}
}

// memoryUsage is MEMORY USAGE key [SAMPLES count]. A string has nothing to sample: the answer is exact.
func (p parser) memoryUsage(args [][]byte) (Call, error) {
	for options := args[3:]; len(options) > 0; options = options[2:] {
		if !word(options[0], "SAMPLES") || len(options) < 2 {
			return Call{}, errSyntax
		}
		count, err := ops.ParseInt(options[1])
		if err != nil {
			return Call{}, err
		}
		if count < 0 {
			return Call{}, errSyntax
		}
	}
	return p.readOf(2, func(r ops.Reader, key []byte) (resp.Value, error) {
		usage, ok := r.Usage(key)
		if !ok {
			return resp.Null(), nil
		}
		return resp.Int(usage.Bytes), nil
	})(args)
}
