package command

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var (
	errRestoreTTL  = apierr.New(apierr.KindInvalid, "Invalid TTL value, must be >= 0")
	errRestoreIdle = apierr.New(apierr.KindInvalid, "Invalid IDLETIME value, must be >= 0")
	errRestoreFreq = apierr.New(apierr.KindInvalid, "Invalid FREQ value, must be >= 0 and <= 255")
	replyBusyKey   = resp.Err("BUSYKEY " + ops.ErrKeyTaken.Message)
)

func dumpSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "dump", Arity: 2, Flags: ReadOnly, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output"},
			Summary:  "Return a serialized version of the value stored at the specified key.",
			Since:    "2.6.0", Complexity: "O(N) where N is the length of the value, of a hash with its fields.",
			Arguments: []Arg{key()},
			Parse:     p.ofMany(p.readOf(1, dump)),
		},
		{
			Name: "restore", Arity: -4, Flags: Write | DenyOOM, Categories: CatKeyspace | CatDangerous,
			KeySpecs: oneKey(KeyOW | KeyUpdate),
			Summary:  "Create a key using the provided serialized value, previously obtained using DUMP.",
			Since:    "2.6.0", Complexity: "O(N) where N is the length of the value.",
			Arguments: []Arg{
				key(), integer("ttl"), text("serialized-value"),
				token("REPLACE").from("3.0.0").optional(),
				token("ABSTTL").from("5.0.0").optional(),
				integer("seconds").after("IDLETIME").from("5.0.0").optional(),
				integer("frequency").after("FREQ").from("5.0.0").optional(),
			},
			Parse: p.restore,
		},
	}
}

func dump(r ops.Reader, key []byte) (resp.Value, error) {
	return bulkOrNull(ops.Dump(r, key)), nil
}

func (p parser) restore(args [][]byte) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	opts, err := parseRestoreOptions(args[4:])
	if err != nil {
		return Call{}, err
	}
	if opts.TTL, err = ops.ParseInt(args[2]); err != nil {
		return Call{}, err
	}
	if opts.TTL < 0 {
		return Call{}, errRestoreTTL
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		switch err := ops.Restore(tx, p.limits, keys[0], args[3], opts); {
		case err == error(ops.ErrKeyTaken):
			return replyBusyKey
		case err != nil:
			return failNamed(err, "restore")
		}
		return resp.OK()
	}}, nil
}

// parseRestoreOptions reads what follows the dump. IDLETIME and FREQ are checked and count for nothing: what eviction knows of
// a key begins anew.
func parseRestoreOptions(options [][]byte) (opts ops.RestoreOptions, err error) {
	idle, freq := false, false
	for len(options) > 0 {
		used := 1
		switch {
		case word(options[0], "REPLACE"):
			opts.Replace = true
		case word(options[0], "ABSTTL"):
			opts.Absolute = true
		case word(options[0], "IDLETIME") && len(options) > 1 && !freq:
			idle, used = true, 2
			err = checkHint(options[1], math.MaxInt64, errRestoreIdle)
		case word(options[0], "FREQ") && len(options) > 1 && !idle:
			freq, used = true, 2
			err = checkHint(options[1], math.MaxUint8, errRestoreFreq)
		default:
			return opts, errSyntax
		}
		if err != nil {
			return opts, err
		}
		options = options[used:]
	}
	return opts, nil
}

func checkHint(arg []byte, highest int64, outside error) error {
	n, err := ops.ParseInt(arg)
	if err == nil && (n < 0 || n > highest) {
		err = outside
	}
	return err
}
