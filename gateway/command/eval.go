package command

import (
	"bytes"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/script"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// The errors of scripts; their texts are those of Redis.
var (
	errNoScript      = apierr.New(apierr.KindNoScript, "No matching script. Please use EVAL.")
	errKeysNegative  = apierr.New(apierr.KindInvalid, "Number of keys can't be negative")
	errNotReadOnly   = apierr.New(apierr.KindInvalid, "Can not execute a script with write flag using *_ro command.")
	errKeysTooMany   = apierr.New(apierr.KindInvalid, "Number of keys can't be greater than number of args")
	evalFlags        = NoScript | Stale | SkipMonitor | NoMandatoryKeys
	evalKeyFlags     = KeyRW | KeyAccess | KeyUpdate
	evalReadKeyFlags = KeyRO | KeyAccess
)

func evalSpecs(p parser) []*Spec {
	eval := func(name, since, summary, scriptArg string, flags Flag, keys KeyFlag, notes string, parse func([][]byte) (Call, error)) *Spec {
		return &Spec{
			Name: name, Arity: -3, Flags: flags, Categories: CatScripting,
			KeySpecs: []KeySpec{{Flags: keys, CountAt: 2, First: 3, Step: 1, Notes: notes}},
			Summary:  summary,
			Since:    since, Complexity: "Depends on the script that is executed.",
			Arguments: []Arg{text(scriptArg), integer("numkeys"), key().optional().repeated(), text("arg").optional().repeated()},
			Parse:     parse,
		}
	}
	const (
		anything     = "Execute a Lua script server side"
		readOnly     = "Execute a read-only Lua script server side"
		anythingNote = "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
		readOnlyNote = "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
	)
	return []*Spec{
		eval("eval", "2.6.0", anything, "script", evalFlags|MayWrite, evalKeyFlags, anythingNote, p.eval(p.loaded, false)),
		eval("evalsha", "2.6.0", anything, "sha1", evalFlags|MayWrite, evalKeyFlags, "", p.evalSHA(false)),
		eval("eval_ro", "7.0.0", readOnly, "script", evalFlags|ReadOnly, evalReadKeyFlags, readOnlyNote, p.eval(p.loaded, true)),
		eval("evalsha_ro", "7.0.0", readOnly, "sha1", evalFlags|ReadOnly, evalReadKeyFlags, "", p.evalSHA(true)),
	}
}

func (p parser) loaded(source []byte) (*script.Script, error) { return p.table.scripts.Load(source) }

func (p parser) found(sha []byte) (*script.Script, error) {
	if s, ok := p.table.scripts.Find(sha); ok {
		return s, nil
	}
	return nil, errNoScript
}

// evalSHA makes the Parse of a command that runs a script by its name. What can't be a name is refused before anything else is looked at.
func (p parser) evalSHA(readOnly bool) func([][]byte) (Call, error) {
	parse := p.eval(p.found, readOnly)
	return func(args [][]byte) (Call, error) {
		if len(args[1]) != script.SHALength {
			return Call{}, errNoScript
		}
		return parse(args)
	}
}

// eval makes the Parse of a command that runs a script, which is found by the first argument.
func (p parser) eval(find func([]byte) (*script.Script, error), readOnly bool) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		count, err := ops.ParseInt(args[2])
		switch {
		case err != nil:
			return Call{}, err
		case count > int64(len(args)-3):
			return Call{}, errKeysTooMany
		case count < 0:
			return Call{}, errKeysNegative
		}
		keys, err := p.keys(args[3 : 3+count : 3+count])
		if err != nil {
			return Call{}, err
		}
		s, err := find(args[1])
		if err != nil {
			return Call{}, err
		}
		if readOnly && s.Flagged && !s.ReadOnly {
			return Call{}, errNotReadOnly
		}
		e := &evaluation{table: p.table, script: s, keys: keys, args: args[3+count:], readOnly: readOnly || s.ReadOnly}
		if len(keys) > 0 {
			e.slot = slot.Of(keys[0])
		}
		call := Call{Keys: keys, Forward: e.forward(args, readOnly), Guard: func(g Guard) { e.guard = g }}
		switch {
		case len(keys) == 0:
			call.Alone = e.alone
		case e.readOnly:
			call.Read = e.read
		default:
			call.Write = e.write
		}
		return call, nil
	}
}

// forward is the command for another node, which may not know the script by its name: so the script itself goes there. It is nil where that is
// what has come.
func (e *evaluation) forward(args [][]byte, readOnly bool) [][]byte {
	if bytes.Equal(args[1], []byte(e.script.Source)) {
		return nil
	}
	name := "EVAL"
	if readOnly {
		name = "EVAL_RO"
	}
	return append([][]byte{[]byte(name), []byte(e.script.Source)}, args[2:]...)
}
