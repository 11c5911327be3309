package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func setSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "set", Arity: -3, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: []KeySpec{{
				Flags: KeyRW | KeyAccess | KeyUpdate | KeyVariableFlags, First: 1, Step: 1,
				Notes: "RW and ACCESS due to the optional `GET` argument",
			}},
			Summary: "Set the string value of a key",
			Since:   "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				text("value"),
				oneOf("condition",
					token("NX"), token("XX"),
					text("match-value").after("IFEQ").from("8.4.0"), text("match-value").after("IFNE").from("8.4.0"),
					text("match-digest").after("IFDEQ").from("8.4.0"), text("match-digest").after("IFDNE").from("8.4.0"),
					integer("version").after("IFVER").from("0.1.0"),
				).from("2.6.12").optional(),
				token("GET").from("6.2.0").optional(),
				oneOf("expiration",
					integer("seconds").after("EX").from("2.6.12"),
					integer("milliseconds").after("PX").from("2.6.12"),
					unixTime("unix-time-seconds").after("EXAT").from("6.2.0"),
					unixTime("unix-time-milliseconds").after("PXAT").from("6.2.0"),
					token("KEEPTTL").from("6.0.0"),
				).optional(),
			},
			Parse: p.set,
		},
		{
			Name: "setnx", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyOW | KeyInsert),
			Summary:  "Set the value of a key, only if the key does not exist",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("value")},
			Parse:     p.setNX,
		},
		{
			Name: "setex", Arity: 4, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: oneKey(KeyOW | KeyUpdate),
			Summary:  "Set the value and expiration of a key",
			Since:    "2.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("seconds"), text("value")},
			Parse:     p.setWithTTL("setex", seconds),
		},
		{
			Name: "psetex", Arity: 4, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: oneKey(KeyOW | KeyUpdate),
			Summary:  "Set the value and expiration in milliseconds of a key",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{key(), integer("milliseconds"), text("value")},
			Parse:     p.setWithTTL("psetex", milliseconds),
		},
		{
			Name: "getset", Arity: 3, Flags: Write | DenyOOM | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyAccess | KeyUpdate),
			Summary:  "Set the string value of a key and return its old value",
			Since:    "1.0.0", Complexity: "O(1)", DeprecatedSince: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument",
			Arguments: []Arg{key(), text("value")},
			Parse:     p.getSet,
		},
	}
}

func (p parser) set(args [][]byte) (Call, error) {
	keys, err := p.keyValue(args, args[2])
	if err != nil {
		return Call{}, err
	}
	if len(args) == 3 {
		return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
			if _, err := ops.Set(tx, args[1], args[2], ops.SetOptions{}); err != nil {
				return failNamed(err, "set")
			}
			return resp.OK()
		}}, nil
	}
	opts, err := parseSetOptions(args[3:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.Set(tx, args[1], args[2], opts)
		switch {
		case err != nil:
			return failNamed(err, "set")
		case opts.ReturnPrevious:
			return bulkOrNull(result.Previous, result.Existed)
		case !result.Applied:
			return resp.Null()
		}
		return resp.OK()
	}}, nil
}

// parseSetOptions reads what follows the value in SET.
func parseSetOptions(options [][]byte) (ops.SetOptions, error) {
	var opts ops.SetOptions
	var condition conditionOption
	var ttl ttlOption
	keep := false
	for len(options) > 0 {
		used := 1
		switch {
		case word(options[0], "NX") && opts.If != ops.SetIfExists && !condition.given():
			opts.If = ops.SetIfMissing
		case word(options[0], "XX") && opts.If != ops.SetIfMissing && !condition.given():
			opts.If = ops.SetIfExists
		case opts.If == 0 && condition.take(options):
			used = 2
		case word(options[0], "GET"):
			opts.ReturnPrevious = true
		case word(options[0], "KEEPTTL") && ttl.unit == 0:
			keep = true
		default:
			if used = ttl.take(options); used == 0 || keep {
				return opts, errSyntax
			}
		}
		options = options[used:]
	}
	if err := condition.apply(&opts); err != nil {
		return opts, err
	}
	var err error
	if opts.Expiry, err = ttl.expiry("set"); keep {
		opts.Expiry = ops.Keep()
	}
	return opts, err
}

func (p parser) setNX(args [][]byte) (Call, error) {
	keys, err := p.keyValue(args, args[2])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.Set(tx, args[1], args[2], ops.SetOptions{If: ops.SetIfMissing})
		if err != nil {
			return fail(err)
		}
		return yesNo(result.Applied)
	}}, nil
}

// setWithTTL makes the parser of SETEX and PSETEX.
func (p parser) setWithTTL(name string, unit ttlUnit) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		keys, err := p.keyValue(args, args[3])
		if err != nil {
			return Call{}, err
		}
		ttl := ttlOption{unit: unit, text: args[2]}
		expiry, err := ttl.expiry(name)
		if err != nil {
			return Call{}, err
		}
		return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
			if _, err := ops.Set(tx, args[1], args[3], ops.SetOptions{Expiry: expiry}); err != nil {
				return failNamed(err, name)
			}
			return resp.OK()
		}}, nil
	}
}

func (p parser) getSet(args [][]byte) (Call, error) {
	keys, err := p.keyValue(args, args[2])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		result, err := ops.Set(tx, args[1], args[2], ops.SetOptions{ReturnPrevious: true})
		if err != nil {
			return fail(err)
		}
		return bulkOrNull(result.Previous, result.Existed)
	}}, nil
}
