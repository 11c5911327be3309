package command

import (
	"math/big"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

func hashSpecs(p parser) []*Spec {
	fieldValues := block("field_value", text("field"), text("value")).repeated()
	return []*Spec{
		{
			Name: "hset", Arity: -4, Flags: Write | DenyOOM | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set the string value of a hash field",
			Since:    "2.0.0", Complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with multiple field/value pairs.",
			Arguments: []Arg{key(), fieldValues},
			Parse:     p.hSet("hset", func(created int) resp.Value { return resp.Int(int64(created)) }),
		},
		{
			Name: "hmset", Arity: -4, Flags: Write | DenyOOM | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set multiple hash fields to multiple values",
			Since:    "2.0.0", Complexity: "O(N) where N is the number of fields being set.",
			DeprecatedSince: "4.0.0", ReplacedBy: "`HSET` with multiple field-value pairs",
			Arguments: []Arg{key(), fieldValues},
			Parse:     p.hSet("hmset", func(int) resp.Value { return resp.OK() }),
		},
		{
			Name: "hsetnx", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyInsert),
			Summary:  "Set the value of a hash field, only if the field does not exist",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field"), text("value")},
			Parse:     p.hSetNX,
		},
		{
			Name: "hdel", Arity: -3, Flags: Write | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyDelete),
			Summary:  "Delete one or more hash fields",
			Since:    "2.0.0", Complexity: "O(N) where N is the number of fields to be removed.",
			Arguments: []Arg{key(), text("field").repeated()},
			Parse:     p.hDel,
		},
		{
			Name: "hincrby", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Increment the integer value of a hash field by the given number",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field"), integer("increment")},
			Parse:     p.hIncrBy,
		},
		{
			Name: "hincrbyfloat", Arity: 4, Flags: Write | DenyOOM | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Increment the float value of a hash field by the given amount",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field"), double("increment")},
			Parse:     p.hIncrByFloat,
		},
	}
}

// fieldsAndValues checks a key and what follows it: fields, each behind the other at this distance, and values between them.
func (p parser) fieldsAndValues(args [][]byte) ([][]byte, error) {
	for _, arg := range args[2:] {
		if err := p.limits.CheckValue(arg); err != nil {
			return nil, err
		}
	}
	return p.key(args)
}

// hSet makes the parser of HSET and HMSET.
func (p parser) hSet(name string, answer func(created int) resp.Value) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		if len(args)%2 != 0 {
			return Call{}, apierr.New(apierr.KindInvalid, "wrong number of arguments for '%s' command", name)
		}
		keys, err := p.fieldsAndValues(args)
		if err != nil {
			return Call{}, err
		}
		return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
			created, err := ops.HSet(tx, keys[0], args[2:])
			if err != nil {
				return fail(err)
			}
			return answer(created)
		}}, nil
	}
}

func (p parser) hSetNX(args [][]byte) (Call, error) {
	keys, err := p.fieldsAndValues(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		set, err := ops.HSetNX(tx, keys[0], args[2], args[3])
		if err != nil {
			return fail(err)
		}
		return yesNo(set)
	}}, nil
}

func (p parser) hDel(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		deleted, err := ops.HDel(tx, keys[0], args[2:]...)
		if err != nil {
			return fail(err)
		}
		return resp.Int(int64(deleted))
	}}, nil
}

func (p parser) hIncrBy(args [][]byte) (Call, error) {
	delta, err := ops.ParseInt(args[3])
	if err != nil {
		return Call{}, err
	}
	keys, err := p.fieldsAndValues(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		sum, err := ops.HIncrBy(tx, keys[0], args[2], delta)
		if err != nil {
			return fail(err)
		}
		return resp.Int(sum)
	}}, nil
}

func (p parser) hIncrByFloat(args [][]byte) (Call, error) {
	var delta *big.Float
	keys, err := p.fieldsAndValues(args)
	if err == nil {
		delta, err = ops.ParseFloat(args[3])
	}
	if err == nil && delta.IsInf() {
		err = ops.ErrInfinite
	}
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		sum, err := ops.HIncrByFloat(tx, keys[0], args[2], delta)
		if err != nil {
			return fail(err)
		}
		return resp.Bulk(sum)
	}}, nil
}
