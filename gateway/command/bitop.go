package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var errBitNot = apierr.New(apierr.KindInvalid, "BITOP NOT must be called with a single source key.")

func bitOpSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "bitop", Arity: -4, Flags: Write | DenyOOM, Categories: CatBitmap,
			KeySpecs: []KeySpec{{Flags: KeyOW | KeyUpdate, First: 2, Step: 1}, {Flags: KeyRO | KeyAccess, First: 3, Last: -1, Step: 1}},
			Summary:  "Perform bitwise operations between strings",
			Since:    "2.6.0", Complexity: "O(N)",
			Arguments: []Arg{text("operation"), keyOf("destkey", 0), keyOf("key", 1).repeated()},
			Parse:     p.bitOp,
		},
	}
}

func (p parser) bitOp(args [][]byte) (Call, error) {
	keys, err := p.keys(args[2:])
	if err != nil {
		return Call{}, err
	}
	var op ops.BitOperation
	switch {
	case word(args[1], "AND"):
		op = ops.BitAnd
	case word(args[1], "OR"):
		op = ops.BitOr
	case word(args[1], "XOR"):
		op = ops.BitXor
	case word(args[1], "NOT"):
		op = ops.BitNot
	default:
		return Call{}, errSyntax
	}
	if op == ops.BitNot && len(keys) != 2 {
		return Call{}, errBitNot
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		length, err := ops.BitOp(tx, op, keys[0], keys[1:])
		if err != nil {
			return fail(err)
		}
		return resp.Int(int64(length))
	}}, nil
}
