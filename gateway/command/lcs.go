package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var errLCSBoth = apierr.New(apierr.KindInvalid, "If you want both the length and indexes, please just use IDX.")

func lcsSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "lcs", Arity: -3, Flags: ReadOnly, Categories: CatString,
			KeySpecs: []KeySpec{{Flags: KeyRO | KeyAccess, First: 1, Last: 1, Step: 1}},
			Summary:  "Find longest common substring",
			Since:    "7.0.0", Complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
			Arguments: []Arg{
				keyOf("key1", 0), keyOf("key2", 0),
				token("LEN").optional(),
				token("IDX").optional(),
				integer("len").after("MINMATCHLEN").optional(),
				token("WITHMATCHLEN").optional(),
			},
			Parse: p.lcs,
		},
	}
}

// lcsOptions are what LCS can ask beyond its keys.
type lcsOptions struct {
	length, matches, matchLengths bool
	matchBytesMin                 int64
}

func (p parser) lcs(args [][]byte) (Call, error) {
	keys, err := p.keys(args[1:3])
	if err != nil {
		return Call{}, err
	}
	opts, err := parseLCSOptions(args[3:])
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
		result, err := ops.LCS(r, p.limits, keys[0], keys[1])
		if err != nil {
			return fail(err)
		}
		return opts.reply(&result)
	}}, nil
}

func parseLCSOptions(options [][]byte) (o lcsOptions, err error) {
	for len(options) > 0 {
		used := 1
		switch {
		case word(options[0], "IDX"):
			o.matches = true
		case word(options[0], "LEN"):
			o.length = true
		case word(options[0], "WITHMATCHLEN"):
			o.matchLengths = true
		case word(options[0], "MINMATCHLEN") && len(options) > 1:
			if o.matchBytesMin, err = ops.ParseInt(options[1]); err != nil {
				return o, err
			}
			used = 2
		default:
			return o, errSyntax
		}
		options = options[used:]
	}
	if o.matches && o.length {
		return o, errLCSBoth
	}
	return o, nil
}

func (o *lcsOptions) reply(result *ops.LCSResult) resp.Value {
	length := resp.Int(int64(len(result.Text)))
	switch {
	case o.length:
		return length
	case !o.matches:
		return resp.Bulk(result.Text)
	}
	matches := []resp.Value{}
	for _, m := range result.Matches {
		if int64(m.Bytes()) < o.matchBytesMin {
			continue
		}
		match := []resp.Value{integers(m.StartA, m.EndA), integers(m.StartB, m.EndB)}
		if o.matchLengths {
			match = append(match, resp.Int(int64(m.Bytes())))
		}
		matches = append(matches, resp.Array(match...))
	}
	return resp.Map(resp.BulkString("matches"), resp.Array(matches...), resp.BulkString("len"), length)
}

func integers(list ...int) resp.Value {
	values := make([]resp.Value, len(list))
	for i, n := range list {
		values[i] = resp.Int(int64(n))
	}
	return resp.Array(values...)
}
