package command

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// databases is how many numbers COPY takes for that of a database: as many as a Redis without another setting has. Only 0
// is there.
const databases = 16

var (
	errDatabaseRange = apierr.New(apierr.KindInvalid, "DB index is out of range")
	errDatabase      = apierr.New(apierr.KindInvalid, "Copying to another database is not allowed in cluster mode")
	errSameKey       = apierr.New(apierr.KindInvalid, "source and destination objects are the same")
)

func copySpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "copy", Arity: -3, Flags: Write | DenyOOM, Categories: CatKeyspace,
			KeySpecs: []KeySpec{{Flags: KeyRO | KeyAccess, First: 1, Step: 1}, {Flags: KeyOW | KeyUpdate, First: 2, Step: 1}},
			Summary:  "Copy a key",
			Since:    "6.2.0", Complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
			Arguments: []Arg{
				keyOf("source", 0), keyOf("destination", 1),
				integer("destination-db").after("DB").optional(),
				token("REPLACE").optional(),
			},
			Parse: p.copy,
		},
	}
}

func (p parser) copy(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:3])
	if err != nil {
		return Call{}, err
	}
	replace, err := parseCopyOptions(args[3:])
	if err != nil {
		return Call{}, err
	}
	if string(keys[0]) == string(keys[1]) {
		return Call{}, errSameKey
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		return yesNo(ops.Copy(tx, keys[0], keys[1], replace))
	}}, nil
}

func parseCopyOptions(options [][]byte) (replace bool, err error) {
	database := int64(0)
	for len(options) > 0 {
		switch {
		case word(options[0], "REPLACE"):
			replace, options = true, options[1:]
		case word(options[0], "DB") && len(options) > 1:
			if database, err = ParseIntIn(options[1], math.MinInt32, math.MaxInt32); err != nil {
				return false, err
			}
			if database < 0 || database >= databases {
				return false, errDatabaseRange
			}
			options = options[2:]
		default:
			return false, errSyntax
		}
	}
	if database != 0 {
		return false, errDatabase
	}
	return replace, nil
}

// ParseIntIn reads an integer from lowest to highest.
func ParseIntIn(arg []byte, lowest, highest int64) (int64, error) {
	n, err := ops.ParseInt(arg)
	if err == nil && (n < lowest || n > highest) {
		err = apierr.New(apierr.KindInvalid, "value is out of range, value must between %d and %d", lowest, highest)
	}
	return n, err
}
