package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func getSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "get", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the value of a key",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, get),
		},
		{
			Name: "getdel", Arity: 2, Flags: Write | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyDelete),
			Summary:  "Get the value of a key and delete the key",
			Since:    "6.2.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.getDel,
		},
		{
			Name: "getex", Arity: -2, Flags: Write | Fast, Categories: CatString,
			KeySpecs: []KeySpec{{
				Flags: KeyRW | KeyAccess | KeyUpdate, First: 1, Step: 1,
				Notes: "RW and UPDATE because it changes the TTL",
			}},
			Summary: "Get the value of a key and optionally set its expiration",
			Since:   "6.2.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				oneOf("expiration",
					integer("seconds").after("EX"),
					integer("milliseconds").after("PX"),
					unixTime("unix-time-seconds").after("EXAT"),
					unixTime("unix-time-milliseconds").after("PXAT"),
					token("PERSIST"),
				).optional(),
			},
			Parse: p.getEx,
		},
		{
			Name: "strlen", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRO),
			Summary:  "Get the length of the value stored in a key",
			Since:    "2.2.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, strLen),
		},
		{
			Name: "getrange", Arity: 4, Flags: ReadOnly, Categories: CatString,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get a substring of the string stored at a key",
			Since:    "2.4.0", Complexity: "O(N) where N is the length of the returned string.",
			Arguments: []Arg{key(), integer("start"), integer("end")},
			Parse:     p.getRange,
		},
		{
			Name: "substr", Arity: 4, Flags: ReadOnly, Categories: CatString,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get a substring of the string stored at a key",
			Since:    "1.0.0", Complexity: "O(N) where N is the length of the returned string.",
			DeprecatedSince: "2.0.0", ReplacedBy: "`GETRANGE`",
			Arguments: []Arg{key(), integer("start"), integer("end")},
			Parse:     p.getRange,
		},
	}
}

func get(r ops.Reader, key []byte) (resp.Value, error) {
	item, ok, err := ops.Get(r, key)
	return bulkOrNull(item.Value, ok), err
}

func strLen(r ops.Reader, key []byte) (resp.Value, error) {
	length, err := ops.StrLen(r, key)
	return resp.Int(int64(length)), err
}

func (p parser) getDel(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		value, ok, err := ops.GetDel(tx, keys[0])
		if err != nil {
			return fail(err)
		}
		return bulkOrNull(value, ok)
	}}, nil
}

func (p parser) getEx(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	expiry, err := parseGetExOptions(args[2:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		value, ok, err := ops.GetEx(tx, keys[0], expiry)
		if err != nil {
			return failNamed(err, "getex")
		}
		return bulkOrNull(value, ok)
	}}, nil
}

// parseGetExOptions reads what follows the key in GETEX.
func parseGetExOptions(options [][]byte) (ops.Expiry, error) {
	var ttl ttlOption
	persist := false
	for len(options) > 0 {
		switch used := ttl.take(options); {
		case used > 0 && !persist:
			options = options[used:]
		case word(options[0], "PERSIST") && ttl.unit == 0:
			persist = true
			options = options[1:]
		default:
			return ops.Expiry{}, errSyntax
		}
	}
	if persist {
		return ops.Never(), nil
	}
	return ttl.expiry("getex")
}

func (p parser) getRange(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	start, err := ops.ParseInt(args[2])
	if err != nil {
		return Call{}, err
	}
	end, err := ops.ParseInt(args[3])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		part, err := ops.GetRange(r, keys[0], start, end)
		if err != nil {
			return fail(err)
		}
		return resp.Bulk(part)
	}}, nil
}
