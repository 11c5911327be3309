package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func batchSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "mget", Arity: -2, Flags: ReadOnly | Fast, Categories: CatString,
			KeySpecs: allKeys(KeyRO | KeyAccess),
			Tips:     []string{"request_policy:multi_shard"},
			Summary:  "Get the values of all the given keys",
			Since:    "1.0.0", Complexity: "O(N) where N is the number of keys to retrieve.",
			Arguments: []Arg{key().repeated()},
			Parse:     p.mget,
		},
		{
			Name: "mset", Arity: -3, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: []KeySpec{{Flags: KeyOW | KeyUpdate, First: 1, Last: -1, Step: 2}},
			Tips:     []string{"request_policy:multi_shard", "response_policy:all_succeeded"},
			Summary:  "Set multiple keys to multiple values",
			Since:    "1.0.1", Complexity: "O(N) where N is the number of keys to set.",
			Arguments: []Arg{block("key_value", key(), text("value")).repeated()},
			Parse:     p.mset,
		},
		{
			Name: "msetnx", Arity: -3, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: []KeySpec{{Flags: KeyOW | KeyInsert, First: 1, Last: -1, Step: 2}},
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Summary:  "Set multiple keys to multiple values, only if none of the keys exist",
			Since:    "1.0.1", Complexity: "O(N) where N is the number of keys to set.",
			Arguments: []Arg{block("key_value", key(), text("value")).repeated()},
			Parse:     p.msetNX,
		},
	}
}

func (p parser) mget(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		values := ops.MGet(r, keys)
		replies := make([]resp.Value, len(values))
		for i, value := range values {
			replies[i] = bulkOrNull(value, value != nil)
		}
		return resp.Array(replies...)
	}}, nil
}

func (p parser) mset(args [][]byte) (Call, error) {
	keys, err := p.pairs(args, "mset")
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		ops.MSet(tx, args[1:])
		return resp.OK()
	}}, nil
}

func (p parser) msetNX(args [][]byte) (Call, error) {
	keys, err := p.pairs(args, "msetnx")
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		return yesNo(ops.MSetNX(tx, args[1:]))
	}}, nil
}

// pairs checks keys and values that alternate and returns the keys.
func (p parser) pairs(args [][]byte, name string) ([][]byte, error) {
	if len(args)%2 == 0 {
		return nil, wrongArity(name)
	}
	keys := make([][]byte, 0, len(args)/2)
	for i := 1; i < len(args); i += 2 {
		if err := p.limits.CheckValue(args[i+1]); err != nil {
			return nil, err
		}
		keys = append(keys, args[i])
	}
	return p.keys(keys)
}
