package command

func waitSpecs() []*Spec {
	return []*Spec{
		{
			Name: "wait", Arity: 3, Flags: NoScript, Categories: CatConnection,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary: "Wait until the writes of this connection are on this many replicas",
			Since:   "3.0.0", Complexity: "O(1)",
			Arguments: []Arg{integer("numreplicas"), integer("timeout")},
		},
		{
			Name: "waitaof", Arity: 4, Flags: NoScript, Categories: CatConnection,
			Tips:    []string{"request_policy:all_shards", "response_policy:agg_min"},
			Summary: "Wait until the writes of this connection are on the disks of this many nodes",
			Since:   "7.2.0", Complexity: "O(1)",
			Arguments: []Arg{integer("numlocal"), integer("numreplicas"), integer("timeout")},
		},
	}
}
