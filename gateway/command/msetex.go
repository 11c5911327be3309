package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var errNumKeys = apierr.New(apierr.KindInvalid, "invalid numkeys value or out of range")

func msetExSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "msetex", Arity: -4, Flags: Write | DenyOOM, Categories: CatString,
			KeySpecs: []KeySpec{{Flags: KeyOW | KeyUpdate, CountAt: 1, First: 2, Step: 2}},
			Tips:     []string{"request_policy:multi_shard", "response_policy:agg_min"},
			Summary:  "Set multiple keys to multiple values, with an optional condition and expiration",
			Since:    "9.1.0", Complexity: "O(N) where N is the number of keys to set.",
			Arguments: []Arg{
				integer("numkeys"),
				block("key_value", key(), text("value")).repeated(),
				oneOf("condition", token("NX"), token("XX")).optional(),
				oneOf("expiration",
					integer("seconds").after("EX"),
					integer("milliseconds").after("PX"),
					unixTime("unix-time-seconds").after("EXAT"),
					unixTime("unix-time-milliseconds").after("PXAT"),
					token("KEEPTTL"),
				).optional(),
			},
			Parse: p.msetEx,
		},
	}
}

func (p parser) msetEx(args [][]byte) (Call, error) {
	count, err := ops.ParseInt(args[1])
	if err != nil || count <= 0 {
		return Call{}, errNumKeys
	}
	if count > int64(len(args)-2)/2 {
		return Call{}, errSyntax
	}
	pairs := args[2 : 2+2*count]
	keys := make([][]byte, 0, count)
	for i := 0; i < len(pairs); i += 2 {
		if err := p.limits.CheckValue(pairs[i+1]); err != nil {
			return Call{}, err
		}
		keys = append(keys, pairs[i])
	}
	if keys, err = p.keys(keys); err != nil {
		return Call{}, err
	}
	opts, err := parseMSetExOptions(args[2+2*count:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		written, err := ops.SetAll(tx, pairs, opts)
		if err != nil {
			return failNamed(err, "msetex")
		}
		return yesNo(written)
	}}, nil
}

// parseMSetExOptions reads what follows the values: the options of SET, but for GET and comparisons.
func parseMSetExOptions(options [][]byte) (ops.SetOptions, error) {
	var opts ops.SetOptions
	var ttl ttlOption
	keep := false
	for len(options) > 0 {
		used := 1
		switch {
		case word(options[0], "NX") && opts.If != ops.SetIfExists:
			opts.If = ops.SetIfMissing
		case word(options[0], "XX") && opts.If != ops.SetIfMissing:
			opts.If = ops.SetIfExists
		case word(options[0], "KEEPTTL") && ttl.unit == 0:
			keep = true
		default:
			if used = ttl.take(options); used == 0 || keep {
				return opts, errSyntax
			}
		}
		options = options[used:]
	}
	var err error
	if opts.Expiry, err = ttl.expiry("msetex"); keep {
		opts.Expiry = ops.Keep()
	}
	return opts, err
}
