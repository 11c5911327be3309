package command

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

func expireSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "expire", Arity: -3, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set a key's time to live in seconds",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				integer("seconds"),
				oneOf("condition", token("NX"), token("XX"), token("GT"), token("LT")).from("7.0.0").optional(),
			},
			Parse: p.expire("expire", seconds),
		},
		{
			Name: "pexpire", Arity: -3, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set a key's time to live in milliseconds",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				integer("milliseconds"),
				oneOf("condition", token("NX"), token("XX"), token("GT"), token("LT")).from("7.0.0").optional(),
			},
			Parse: p.expire("pexpire", milliseconds),
		},
		{
			Name: "expireat", Arity: -3, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set the expiration for a key as a UNIX timestamp",
			Since:    "1.2.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				unixTime("unix-time-seconds"),
				oneOf("condition", token("NX"), token("XX"), token("GT"), token("LT")).from("7.0.0").optional(),
			},
			Parse: p.expire("expireat", unixSeconds),
		},
		{
			Name: "pexpireat", Arity: -3, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{
				key(),
				unixTime("unix-time-milliseconds"),
				oneOf("condition", token("NX"), token("XX"), token("GT"), token("LT")).from("7.0.0").optional(),
			},
			Parse: p.expire("pexpireat", unixMilliseconds),
		},
		{
			Name: "persist", Arity: 2, Flags: Write | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRW | KeyUpdate),
			Summary:  "Remove the expiration from a key",
			Since:    "2.2.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.persist,
		},
	}
}

// The errors of EXPIRE's conditions; their texts are those of Redis.
var (
	errConditionNX   = apierr.New(apierr.KindInvalid, "NX and XX, GT or LT options at the same time are not compatible")
	errConditionGTLT = apierr.New(apierr.KindInvalid, "GT and LT options at the same time are not compatible")
)

// expire makes the parser of EXPIRE and its relatives.
func (p parser) expire(name string, unit ttlUnit) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		keys, err := p.key(args)
		if err != nil {
			return Call{}, err
		}
		conditions, err := parseExpireConditions(args[3:])
		if err != nil {
			return Call{}, err
		}
		expiry, err := parseExpiry(args[2], unit, name)
		if err != nil {
			return Call{}, err
		}
		return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
			changed, err := ops.Expire(tx, keys[0], expiry, conditions)
			if err != nil {
				return failNamed(err, name)
			}
			return yesNo(changed)
		}}, nil
	}
}

// parseExpireConditions reads what follows the number in EXPIRE.
func parseExpireConditions(options [][]byte) (ops.ExpireIf, error) {
	var conditions ops.ExpireIf
	for _, option := range options {
		switch {
		case word(option, "NX"):
			conditions |= ops.ExpireIfNone
		case word(option, "XX"):
			conditions |= ops.ExpireIfSome
		case word(option, "GT"):
			conditions |= ops.ExpireIfLater
		case word(option, "LT"):
			conditions |= ops.ExpireIfEarlier
		default:
			return 0, apierr.New(apierr.KindInvalid, "Unsupported option %s", clip(option, echoBytesMax))
		}
	}
	const laterAndEarlier = ops.ExpireIfLater | ops.ExpireIfEarlier
	switch {
	case conditions&ops.ExpireIfNone != 0 && conditions != ops.ExpireIfNone:
		return 0, errConditionNX
	case conditions&laterAndEarlier == laterAndEarlier:
		return 0, errConditionGTLT
	}
	return conditions, nil
}

// parseExpiry reads the expiry of EXPIRE, which unlike that of SET may lie in the past.
func parseExpiry(text []byte, unit ttlUnit, name string) (ops.Expiry, error) {
	n, err := ops.ParseInt(text)
	if err != nil {
		return ops.Expiry{}, err
	}
	if unit.inSeconds() {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return ops.Expiry{}, errExpiry(name)
		}
		n *= 1000
	}
	return unit.expiry(n), nil
}

func (p parser) persist(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		return yesNo(ops.Persist(tx, keys[0]))
	}}, nil
}
