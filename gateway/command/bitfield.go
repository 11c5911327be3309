package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// The errors of BITFIELD; their texts are those of Redis.
var (
	errFieldType     = apierr.New(apierr.KindInvalid, "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	errFieldOverflow = apierr.New(apierr.KindInvalid, "Invalid OVERFLOW type specified")
	errFieldReadOnly = apierr.New(apierr.KindInvalid, "BITFIELD_RO only supports the GET subcommand")
)

func bitFieldSpecs(p parser) []*Spec {
	place := func(more ...Arg) []Arg { return append([]Arg{text("encoding"), integer("offset")}, more...) }
	return []*Spec{
		{
			Name: "bitfield", Arity: -2, Flags: Write | DenyOOM, Categories: CatBitmap,
			KeySpecs: []KeySpec{{
				Flags: KeyRW | KeyAccess | KeyUpdate | KeyVariableFlags, First: 1, Step: 1,
				Notes: "This command allows both access and modification of the key",
			}},
			Summary: "Perform arbitrary bitfield integer operations on strings",
			Since:   "3.2.0", Complexity: "O(1) for each subcommand specified",
			Arguments: []Arg{
				key(),
				oneOf("operation",
					block("encoding_offset", place()...).after("GET"),
					block("write",
						oneOf("wrap_sat_fail", token("WRAP"), token("SAT"), token("FAIL")).after("OVERFLOW").optional(),
						oneOf("write_operation",
							block("encoding_offset_value", place(integer("value"))...).after("SET"),
							block("encoding_offset_increment", place(integer("increment"))...).after("INCRBY"),
						),
					),
				).optional().repeated(),
			},
			Parse: p.bitField,
		},
		{
			Name: "bitfield_ro", Arity: -2, Flags: ReadOnly | Fast, Categories: CatBitmap,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
			Since:    "6.0.0", Complexity: "O(1) for each subcommand specified",
			Arguments: []Arg{key(), block("encoding_offset", place()...).after("GET").optional().repeated().repeatedToken()},
			Parse:     p.bitFieldReadOnly,
		},
	}
}

func (p parser) bitField(args [][]byte) (Call, error) {
	keys, steps, err := p.keyAndFieldSteps(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		return fieldReply(ops.BitField(tx, p.limits, keys[0], steps))
	}}, nil
}

func (p parser) bitFieldReadOnly(args [][]byte) (Call, error) {
	keys, steps, err := p.keyAndFieldSteps(args)
	if err != nil {
		return Call{}, err
	}
	for i := range steps {
		if steps[i].Kind != ops.FieldGet {
			return Call{}, errFieldReadOnly
		}
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		return fieldReply(ops.ReadFields(r, keys[0], steps))
	}}, nil
}

func fieldReply(results []ops.FieldResult, err error) resp.Value {
	if err != nil {
		return fail(err)
	}
	replies := make([]resp.Value, len(results))
	for i, result := range results {
		if !result.Failed {
			replies[i] = resp.Int(result.Value)
		}
	}
	return resp.Array(replies...)
}

func (p parser) keyAndFieldSteps(args [][]byte) (keys [][]byte, steps []ops.FieldStep, err error) {
	if keys, err = p.key(args); err == nil {
		steps, err = p.parseFieldSteps(args[2:])
	}
	return keys, steps, err
}

// parseFieldSteps reads what follows the key. OVERFLOW is for all steps behind it.
func (p parser) parseFieldSteps(args [][]byte) ([]ops.FieldStep, error) {
	var steps []ops.FieldStep
	overflow := ops.OverflowWrap
	for len(args) > 0 {
		used := 4
		step := ops.FieldStep{Overflow: overflow}
		switch {
		case word(args[0], "GET") && len(args) > 2:
			step.Kind, used = ops.FieldGet, 3
		case word(args[0], "SET") && len(args) > 3:
			step.Kind = ops.FieldSet
		case word(args[0], "INCRBY") && len(args) > 3:
			step.Kind = ops.FieldIncr
		case word(args[0], "OVERFLOW") && len(args) > 1:
			var err error
			if overflow, err = parseOverflow(args[1]); err != nil {
				return nil, err
			}
			args = args[2:]
			continue
		default:
			return nil, errSyntax
		}
		if err := p.parseFieldStep(&step, args[1:used]); err != nil {
			return nil, err
		}
		steps, args = append(steps, step), args[used:]
	}
	return steps, nil
}

// parseFieldStep reads type, position and number of a step.
func (p parser) parseFieldStep(step *ops.FieldStep, args [][]byte) (err error) {
	if step.Signed, step.Bits, err = parseFieldType(args[0]); err != nil {
		return err
	}
	if step.Offset, err = p.fieldOffset(args[1], step.Bits); err != nil {
		return err
	}
	if step.Kind != ops.FieldGet {
		step.Value, err = ops.ParseInt(args[2])
	}
	return err
}

func parseFieldType(arg []byte) (signed bool, bits uint, err error) {
	if len(arg) == 0 || arg[0] != 'i' && arg[0] != 'u' {
		return false, 0, errFieldType
	}
	signed = arg[0] == 'i'
	n, err := ops.ParseInt(arg[1:])
	if err != nil || n < 1 || n > 64 || n > 63 && !signed {
		return false, 0, errFieldType
	}
	return signed, uint(n), nil
}

// fieldOffset reads the position of a field: of its first bit, or behind a # its number among fields of this size.
func (p parser) fieldOffset(arg []byte, bits uint) (uint64, error) {
	if len(arg) == 0 || arg[0] != '#' {
		return p.bitOffset(arg)
	}
	n, err := ops.ParseInt(arg[1:])
	if err != nil || n < 0 || n > int64(p.limits.ValueBytesMax)*8 || n*int64(bits)>>3 >= int64(p.limits.ValueBytesMax) {
		return 0, ops.ErrBitOffset
	}
	return uint64(n) * uint64(bits), nil
}

func parseOverflow(arg []byte) (ops.Overflow, error) {
	switch {
	case word(arg, "WRAP"):
		return ops.OverflowWrap, nil
	case word(arg, "SAT"):
		return ops.OverflowSat, nil
	case word(arg, "FAIL"):
		return ops.OverflowFail, nil
	}
	return 0, errFieldOverflow
}
