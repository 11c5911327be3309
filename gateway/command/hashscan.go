package command

import (
	"math"
	"strconv"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

func hashScanSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "hrandfield", Arity: -2, Flags: ReadOnly, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output"},
			Summary:  "Get one or multiple random fields from a hash",
			Since:    "6.2.0", Complexity: "O(N) where N is the number of fields returned",
			Arguments: []Arg{
				key(),
				block("options", integer("count"), token("WITHVALUES").optional()).optional(),
			},
			Parse: p.hRandField,
		},
		{
			Name: "hscan", Arity: -3, Flags: ReadOnly, Categories: CatHash,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output"},
			Summary:  "Incrementally iterate hash fields and associated values",
			Since:    "2.8.0",
			Complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return " +
				"back to 0. N is the number of elements inside the collection..",
			Arguments: []Arg{
				key(), integer("cursor"), pattern("pattern").after("MATCH").optional(), integer("count").after("COUNT").optional(),
			},
			Parse: p.hScan,
		},
	}
}

// The errors of HRANDFIELD; their texts are those of Redis.
var (
	errCount      = apierr.New(apierr.KindInvalid, "value is out of range, value must between %d and %d", -math.MaxInt64, math.MaxInt64)
	errCountPairs = apierr.New(apierr.KindInvalid, "value is out of range")
)

func (p parser) hRandField(args [][]byte) (Call, error) {
	if len(args) == 2 {
		return p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
			field, ok, err := ops.HRandField(r, key)
			return bulkOrNull(field, ok), err
		})(args)
	}
	count, err := ops.ParseInt(args[2])
	switch {
	case err != nil:
		return Call{}, err
	case count == math.MinInt64:
		return Call{}, errCount
	case len(args) > 4 || len(args) == 4 && !word(args[3], "WITHVALUES"):
		return Call{}, errSyntax
	case len(args) == 4 && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
		return Call{}, errCountPairs
	}
	withValues := len(args) == 4
	return p.ofMany(p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		var chosen []resp.Value
		err := ops.HRandFields(r, key, count, func(field, value []byte) {
			if chosen = append(chosen, resp.Bulk(field)); withValues {
				chosen = append(chosen, resp.Bulk(value))
			}
		})
		if withValues {
			return resp.Pairs(chosen...), err
		}
		return resp.Array(chosen...), err
	}))(args)
}

func (p parser) hScan(args [][]byte) (Call, error) {
	cursor, err := parseCursor(args[2])
	if err != nil {
		return Call{}, err
	}
	match, count := "*", int64(scanCountDefault)
	for options := args[3:]; len(options) > 0; options = options[2:] {
		switch {
		case len(options) < 2:
			return Call{}, errSyntax
		case word(options[0], "MATCH"):
			match = string(options[1])
		case word(options[0], "COUNT"):
			if count, err = ops.ParseInt(options[1]); err != nil {
				return Call{}, err
			}
			if count < 1 {
				return Call{}, errSyntax
			}
		default:
			return Call{}, errSyntax
		}
	}
	return p.ofMany(p.readOf(1, func(r ops.Reader, key []byte) (resp.Value, error) {
		var found []resp.Value
		next, err := ops.HScan(r, key, cursor, count, func(field, value []byte) {
			if match == "*" || matchGlob(match, string(field)) {
				found = append(found, resp.Bulk(field), resp.Bulk(value))
			}
		})
		return resp.Array(resp.BulkString(strconv.FormatUint(next, 10)), resp.Array(found...)), err
	}))(args)
}
