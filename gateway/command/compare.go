package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// errCondition is the error of DELEX; its text is that of Redis 8.4.
var errCondition = apierr.New(apierr.KindInvalid, "Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")

// compareSpecs are the commands that look at a value before they delete it.
func compareSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "delifeq", Arity: 3, Flags: Write | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRM | KeyDelete),
			Summary:  "Delete a key if its value matches the given string",
			Since:    "9.0.0", Complexity: "O(1)",
			Arguments: []Arg{key(), text("value")},
			Parse:     p.delIfEq,
		},
		{
			Name: "delex", Arity: -2, Flags: Write | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRW | KeyDelete | KeyVariableFlags),
			Summary:  "Conditionally delete a key based on value or digest comparison",
			Since:    "8.4.0", Complexity: "O(1) for IFEQ and IFNE, O(N) for IFDEQ and IFDNE where N is the length of the value",
			Arguments: []Arg{
				key(),
				oneOf("condition",
					text("match-value").after("IFEQ"), text("match-value").after("IFNE"),
					text("match-digest").after("IFDEQ"), text("match-digest").after("IFDNE"),
				).optional(),
			},
			Parse: p.delEx,
		},
		{
			Name: "digest", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Return the XXH3 digest of the value of a key",
			Since:    "8.4.0", Complexity: "O(N) where N is the length of the value.",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, digest),
		},
	}
}

func digest(r ops.Reader, key []byte) (resp.Value, error) {
	sum, ok, err := ops.Digest(r, key)
	return bulkOrNull([]byte(sum), ok), err
}

func (p parser) delIfEq(args [][]byte) (Call, error) {
	return p.delIf(args, &ops.Comparison{Value: args[2]})
}

func (p parser) delEx(args [][]byte) (Call, error) {
	switch len(args) {
	case 2:
		return p.delIf(args, nil)
	case 4:
	default:
		return Call{}, wrongArity("delex")
	}
	var option conditionOption
	if !option.take(args[2:]) || word(option.word, "IFVER") {
		return Call{}, errCondition
	}
	condition, err := option.comparison()
	if err != nil {
		return Call{}, err
	}
	return p.delIf(args, condition)
}

func (p parser) delIf(args [][]byte, condition *ops.Comparison) (Call, error) {
	keys, err := p.key(args)
	if err != nil {
		return Call{}, err
	}
	return Call{Keys: keys, Write: func(tx ops.Tx) resp.Value {
		deleted, err := ops.DeleteIf(tx, keys[0], condition)
		if err != nil {
			return fail(err)
		}
		return yesNo(deleted)
	}}, nil
}
