package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func keysSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "del", Arity: -2, Flags: Write, Categories: CatKeyspace,
			KeySpecs: allKeys(KeyRM | KeyDelete),
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Summary:  "Delete a key",
			Since:    "1.0.0", Complexity: "O(N) where N is the number of keys that will be removed.",
			Arguments: []Arg{key().repeated()},
			Parse:     p.del,
		},
		{
			Name: "unlink", Arity: -2, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: allKeys(KeyRM | KeyDelete),
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Summary:  "Delete a key",
			Since:    "4.0.0", Complexity: "O(N) where N is the number of keys that will be removed.",
			Arguments: []Arg{key().repeated()},
			Parse:     p.del,
		},
		{
			Name: "exists", Arity: -2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: allKeys(KeyRO),
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Summary:  "Determine if a key exists",
			Since:    "1.0.0", Complexity: "O(N) where N is the number of keys to check.",
			Arguments: []Arg{key().repeated()},
			Parse:     p.countOf(ops.Exists),
		},
		{
			Name: "touch", Arity: -2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: allKeys(KeyRO),
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_sum"},
			Summary:  "Alters the last access time of a key(s). Returns the number of existing keys specified.",
			Since:    "3.2.1", Complexity: "O(N) where N is the number of keys that will be touched.",
			Arguments: []Arg{key().repeated()},
			Parse:     p.countOf(ops.Touch),
		},
		{
			Name: "type", Arity: 2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO),
			Summary:  "Determine the type stored at key",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, typeOf),
		},
	}
}

func (p parser) del(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		return resp.Int(int64(ops.Delete(tx, keys...)))
	}}, nil
}

// countOf makes the Parse of a command that counts keys.
func (p parser) countOf(count func(ops.Reader, ...[]byte) int) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		keys, err := p.keys(args[1:])
		if err != nil {
			return Call{}, err
		}
		return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
			return resp.Int(int64(count(r, keys...)))
		}}, nil
	}
}

func typeOf(r ops.Reader, key []byte) (resp.Value, error) {
	if typ := ops.Type(r, key); typ != 0 {
		return resp.Simple(typ.String()), nil
	}
	return resp.Simple("none"), nil
}
