package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// The errors of arguments that are bits; their texts are those of Redis.
var (
	errBit      = apierr.New(apierr.KindInvalid, "bit is not an integer or out of range")
	errBitPosOf = apierr.New(apierr.KindInvalid, "The bit argument must be 1 or 0.")
)

func bitSpecs(p parser) []*Spec {
	unit := oneOf("index_unit", token("BYTE"), token("BIT")).from("7.0.0").optional()
	return []*Spec{
		{
			Name: "setbit", Arity: 4, Flags: Write | DenyOOM, Categories: CatBitmap,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Sets or clears the bit at offset in the string value stored at key",
			Since:    "2.2.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("offset"), integer("value")},
			Parse:     p.setBit,
		},
		{
			Name: "getbit", Arity: 3, Flags: ReadOnly | Fast, Categories: CatBitmap,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Returns the bit value at offset in the string value stored at key",
			Since:    "2.2.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("offset")},
			Parse:     p.getBit,
		},
		{
			Name: "bitcount", Arity: -2, Flags: ReadOnly, Categories: CatBitmap,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Count set bits in a string",
			Since:    "2.6.0", Complexity: "O(N)",
			Arguments: []Arg{key(), block("index", integer("start"), integer("end"), unit).optional()},
			Parse:     p.bitCount,
		},
		{
			Name: "bitpos", Arity: -3, Flags: ReadOnly, Categories: CatBitmap,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Find first bit set or clear in a string",
			Since:    "2.8.7", Complexity: "O(N)",
			Arguments: []Arg{
				key(), integer("bit"),
				block("index", integer("start"), block("end_index", integer("end"), unit).optional()).optional(),
			},
			Parse: p.bitPos,
		},
	}
}

// bitOffset reads the position of a bit, which a value must be able to have.
func (p parser) bitOffset(arg []byte) (uint64, error) {
	n, err := ops.ParseInt(arg)
	if err != nil || n < 0 || n>>3 >= int64(p.limits.ValueBytesMax) {
		return 0, ops.ErrBitOffset
	}
	return uint64(n), nil
}

func (p parser) setBit(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	offset, err := p.bitOffset(args[2])
	if err != nil {
		return Call{}, err
	}
	bit, err := ops.ParseInt(args[3])
	if err != nil || bit != 0 && bit != 1 {
		return Call{}, errBit
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		old, err := ops.SetBit(tx, p.limits, keys[0], offset, int(bit))
		if err != nil {
			return fail(err)
		}
		return resp.Int(int64(old))
	}}, nil
}

func (p parser) getBit(args [][]byte) (Call, error) {
	offset, err := p.bitOffset(args[2])
	if err != nil {
		return Call{}, err
	}
	return p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		bit, err := ops.GetBit(r, key, offset)
		return resp.Int(int64(bit)), err
	})(args)
}

func (p parser) bitCount(args [][]byte) (Call, error) {
	part := ops.WholeValue
	if len(args) > 2 {
		var err error
		if len(args) == 3 {
			return Call{}, errSyntax
		}
		if part, err = parseBitRange(args[2:], endFirst); err != nil {
			return Call{}, err
		}
	}
	return p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		count, err := ops.BitCount(r, key, part)
		return resp.Int(count), err
	})(args)
}

func (p parser) bitPos(args [][]byte) (Call, error) {
	bit, err := ops.ParseInt(args[2])
	if err != nil {
		return Call{}, err
	}
	if bit != 0 && bit != 1 {
		return Call{}, errBitPosOf
	}
	part := ops.WholeValue
	if len(args) > 3 {
		if part, err = parseBitRange(args[3:], unitFirst); err != nil {
			return Call{}, err
		}
	}
	return p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		at, err := ops.BitPos(r, key, int(bit), part)
		return resp.Int(at), err
	})(args)
}

// bitRangeOrder says in which order the arguments of a range are looked at: what is wrong first is what is said.
type bitRangeOrder uint8

const (
	endFirst  bitRangeOrder = iota + 1 // BITCOUNT
	unitFirst                          // BITPOS
)

// parseBitRange reads start [end [BYTE|BIT]].
func parseBitRange(args [][]byte, order bitRangeOrder) (part ops.BitRange, err error) {
	if len(args) > 3 {
		return part, errSyntax
	}
	if part.Start, err = ops.ParseInt(args[0]); err != nil {
		return part, err
	}
	if len(args) == 1 {
		part.Open = true
		return part, nil
	}
	var badEnd, badUnit error
	part.End, badEnd = ops.ParseInt(args[1])
	if len(args) == 3 {
		part.InBits = word(args[2], "BIT")
		if !part.InBits && !word(args[2], "BYTE") {
			badUnit = errSyntax
		}
	}
	if order == endFirst && badEnd != nil || badUnit == nil {
		return part, badEnd
	}
	return part, badUnit
}
