package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func objectSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "object", Arity: -2,
			Summary: "A container for object introspection commands",
			Since:   "2.2.3", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "encoding", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Name the encoding that Redis would give the value",
					Since:    "2.2.3", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.objectEncoding,
				},
				{
					Name: "refcount", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Get the number of references to the value, which is 1",
					Since:    "2.2.3", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.objectRefCount,
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatKeyspace,
					Summary: "Show helpful text about the different subcommands",
					Since:   "6.2.0", Complexity: "O(1)",
				},
			},
		},
	}
}

func (p parser) objectEncoding(args [][]byte) (Call, error) {
	keys, err := p.keys(args[2:3])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		encoding, ok, err := ops.Encoding(r, keys[0])
		switch {
		case err != nil:
			return fail(err)
		case !ok:
			return resp.Null()
		}
		return resp.BulkString(encoding)
	}}, nil
}

func (p parser) objectRefCount(args [][]byte) (Call, error) {
	keys, err := p.keys(args[2:3])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		if ops.Exists(r, keys[0]) == 0 {
			return resp.Null()
		}
		return resp.Int(1)
	}}, nil
}
