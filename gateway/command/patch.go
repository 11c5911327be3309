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
			Since:    "2.0.0", Complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.",
			Arguments: []Arg{key(), text("value")},
			Parse:     p.append,
		},
		{
			Name: "setrange", Arity: 4, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Overwrite part of a string at key starting at the specified offset",
			Since:    "2.2.0", Complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.",
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
