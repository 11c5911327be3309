package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func patchSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "append", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyInsert),
			Summary:  "Append a value to a key",
			Since:    "2.0.0", Complexity: "O(N) where N is the number of bytes written, gaps included.",
			Arguments: []Arg{key(), text("value")},
			Parse:     p.append,
		},
		{
			Name: "setrange", Arity: 4, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Overwrite part of a string at key starting at the specified offset",
			Since:    "2.2.0", Complexity: "O(N) where N is the number of bytes written, gaps included.",
			Arguments: []Arg{key(), integer("offset"), text("value")},
			Parse:     p.setRange,
		},
	}
}

func (p parser) append(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.Append(tx, p.limits, args[1], args[2])
		if err != nil {
			return fail(err)
		}
		return resp.Int(int64(result.Length))
	}}, nil
}

func (p parser) setRange(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	offset, err := ops.ParseInt(args[2])
	if err != nil {
		return Call{}, err
	}
	if offset < 0 {
		return Call{}, ops.ErrOffset
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.SetRange(tx, p.limits, args[1], offset, args[3])
		if err != nil {
			return fail(err)
		}
		return resp.Int(int64(result.Length))
	}}, nil
}
