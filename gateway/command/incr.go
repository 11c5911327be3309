package command

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func incrSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "incr", Arity: 2, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Increment the integer value of a key by one",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.incrOne(1),
		},
		{
			Name: "incrby", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Increment the integer value of a key by the given amount",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("increment")},
			Parse:     p.incrBy,
		},
		{
			Name: "decr", Arity: 2, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Decrement the integer value of a key by one",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.incrOne(-1),
		},
		{
			Name: "decrby", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Decrement the integer value of a key by the given number",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("decrement")},
			Parse:     p.decrBy,
		},
		{
			Name: "incrbyfloat", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Increment the float value of a key by the given amount",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{key(), double("increment")},
			Parse:     p.incrByFloat,
		},
	}
}

// incrOne makes the parser of INCR and DECR.
func (p parser) incrOne(delta int64) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) { return p.incrCall(args, delta) }
}

func (p parser) incrBy(args [][]byte) (Call, error) {
	delta, err := ops.ParseInt(args[2])
	if err != nil {
		return Call{}, err
	}
	return p.incrCall(args, delta)
}

func (p parser) decrBy(args [][]byte) (Call, error) {
	delta, err := ops.ParseInt(args[2])
	if err != nil {
		return Call{}, err
	}
	if delta == math.MinInt64 {
		return Call{}, errDecr
	}
	return p.incrCall(args, -delta)
}

// incrCall is the call of all commands that add to an integer.
func (p parser) incrCall(args [][]byte, delta int64) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.Incr(tx, keys[0], delta, ops.Expiry{})
		if err != nil {
			return fail(err)
		}
		return resp.Int(result.Value)
	}}, nil
}

func (p parser) incrByFloat(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	delta, err := ops.ParseFloat(args[2])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.IncrFloat(tx, keys[0], delta)
		if err != nil {
			return fail(err)
		}
		return resp.Bulk(result.Text)
	}}, nil
}
