package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func renameSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "rename", Arity: 3, Flags: Write, Categories: CatKeyspace,
			KeySpecs: []KeySpec{{Flags: KeyRW | KeyAccess | KeyDelete, First: 1, Step: 1}, {Flags: KeyOW | KeyUpdate, First: 2, Step: 1}},
			Summary:  "Rename a key",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), keyOf("newkey", 1)},
			Parse:     p.rename,
		},
		{
			Name: "renamenx", Arity: 3, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: []KeySpec{{Flags: KeyRW | KeyAccess | KeyDelete, First: 1, Step: 1}, {Flags: KeyOW | KeyInsert, First: 2, Step: 1}},
			Summary:  "Rename a key, only if the new key does not exist",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), keyOf("newkey", 1)},
			Parse:     p.renameNX,
		},
	}
}

func (p parser) rename(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:3])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		if err := ops.Rename(tx, keys[0], keys[1]); err != nil {
			return fail(err)
		}
		return resp.OK()
	}}, nil
}

func (p parser) renameNX(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:3])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		renamed, err := ops.RenameNX(tx, keys[0], keys[1])
		if err != nil {
			return fail(err)
		}
		return yesNo(renamed)
	}}, nil
}
