package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func hashReadSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "hget", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the value of a hash field",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field")},
			Parse:     p.readOfField(hGet),
		},
		{
			Name: "hmget", Arity: -3, Flags: ReadOnly | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the values of all the given hash fields",
			Since:    "2.0.0", Complexity: "O(N) where N is the number of fields being requested.",
			Arguments: []Arg{key(), text("field").repeated()},
			Parse:     p.hMGet,
		},
		{
			Name: "hgetall", Arity: 2, Flags: ReadOnly, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output_order"},
			Summary:  "Get all the fields and values in a hash",
			Since:    "2.0.0", Complexity: "O(N) where N is the size of the hash.",
			Arguments: []Arg{key()},
			Parse:     p.ofMany(p.readOf(1, hGetAll)),
		},
		{
			Name: "hkeys", Arity: 2, Flags: ReadOnly, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output_order"},
			Summary:  "Get all the fields in a hash",
			Since:    "2.0.0", Complexity: "O(N) where N is the size of the hash.",
			Arguments: []Arg{key()},
			Parse:     p.ofMany(p.readOf(1, hKeys)),
		},
		{
			Name: "hvals", Arity: 2, Flags: ReadOnly, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output_order"},
			Summary:  "Get all the values in a hash",
			Since:    "2.0.0", Complexity: "O(N) where N is the size of the hash.",
			Arguments: []Arg{key()},
			Parse:     p.ofMany(p.readOf(1, hVals)),
		},
		{
			Name: "hlen", Arity: 2, Flags: ReadOnly | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRO),
			Summary:  "Get the number of fields in a hash",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, hLen),
		},
		{
			Name: "hexists", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRO),
			Summary:  "Determine if a hash field exists",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field")},
			Parse:     p.readOfField(hExists),
		},
		{
			Name: "hstrlen", Arity: 3, Flags: ReadOnly | Fast, Categories: CatHash,
			KeySpecs: oneKey(KeyRO),
			Summary:  "Get the length of the value of a hash field",
			Since:    "3.2.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("field")},
			Parse:     p.readOfField(hStrLen),
		},
	}
}

// readOfField makes the Parse of a command that reads one field.
func (p parser) readOfField(answer func(r ops.Reader, key, field []byte) (resp.Value, error)) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		return p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) { return answer(r, key, args[2]) })(args)
	}
}

// ofMany marks the calls of a parser as those whose reply holds the values of any number of fields.
func (p parser) ofMany(parse func([][]byte) (Call, error)) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		call, err := parse(args)
		call.Many = true
		return call, err
	}
}

func hGet(r ops.Reader, key, field []byte) (resp.Value, error) {
	value, ok, err := ops.HGet(r, key, field)
	return bulkOrNull(value, ok), err
}

func hExists(r ops.Reader, key, field []byte) (resp.Value, error) {
	exists, err := ops.HExists(r, key, field)
	return yesNo(exists), err
}

func hStrLen(r ops.Reader, key, field []byte) (resp.Value, error) {
	length, err := ops.HStrLen(r, key, field)
	return resp.Int(int64(length)), err
}

func hLen(r ops.Reader, key []byte) (resp.Value, error) {
	n, err := ops.HLen(r, key)
	return resp.Int(int64(n)), err
}

func hGetAll(r ops.Reader, key []byte) (resp.Value, error) {
	var all []resp.Value
	err := ops.HEach(r, key, func(field, value []byte) { all = append(all, resp.Bulk(field), resp.Bulk(value)) })
	return resp.Map(all...), err
}

func hKeys(r ops.Reader, key []byte) (resp.Value, error) {
	var all []resp.Value
	err := ops.HEach(r, key, func(field, _ []byte) { all = append(all, resp.Bulk(field)) })
	return resp.Array(all...), err
}

func hVals(r ops.Reader, key []byte) (resp.Value, error) {
	var all []resp.Value
	err := ops.HEach(r, key, func(_, value []byte) { all = append(all, resp.Bulk(value)) })
	return resp.Array(all...), err
}

func (p parser) hMGet(args [][]byte) (Call, error) {
	return p.ofMany(p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		values, err := ops.HMGet(r, key, args[2:])
		if err != nil {
			return resp.Value{}, err
		}
		elems := make([]resp.Value, len(values))
		for i, value := range values {
			elems[i] = bulkOrNull(value, value != nil)
		}
		return resp.Array(elems...), nil
	}))(args)
}
