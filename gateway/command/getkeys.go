package command

import (
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// The errors of COMMAND GETKEYS; their texts are those of Redis.
var (
	errGetKeysCommand = apierr.New(apierr.KindInvalid, "Invalid command specified")
	errGetKeysNone    = apierr.New(apierr.KindInvalid, "The command has no key arguments")
	errGetKeysCount   = apierr.New(apierr.KindInvalid, "Invalid number of arguments specified for command")
	errGetKeysArgs    = apierr.New(apierr.KindInvalid, "Invalid arguments specified for command")
)

// getKeys answers COMMAND GETKEYS and GETKEYSANDFLAGS for the command that is written out in args.
func (t *Table) getKeys(args [][]byte, withFlags bool) resp.Value {
	spec, err := t.find(args)
	switch {
	case err != nil:
		return fail(errGetKeysCommand)
	case len(spec.KeySpecs) == 0 || spec.KeySpecs[0].Flags&KeyNotKey != 0:
		return fail(errGetKeysNone)
	case !spec.arityHolds(len(args)):
		return fail(errGetKeysCount)
	}
	var replies []resp.Value
	for i := range spec.KeySpecs {
		flags := spec.KeySpecs[i].Flags
		if flags&KeyVariableFlags != 0 {
			flags = variableKeyFlags(spec.Name, args)
		}
		for _, key := range spec.KeySpecs[i].keys(args) {
			reply := resp.Bulk(key)
			if withFlags {
				reply = resp.Array(reply, simpleSet(flags.Names()))
			}
			replies = append(replies, reply)
		}
	}
	if len(replies) == 0 {
		return fail(errGetKeysArgs)
	}
	return resp.Array(replies...)
}

// variableKeyFlags is what a command whose flags vary does to its key (Redis, db.c, setGetKeys and bitfieldGetKeys).
func variableKeyFlags(name string, args [][]byte) KeyFlag {
	switch name {
	case "bitfield":
		for i := 2; i < len(args); i++ {
			if !word(args[i], "GET") || len(args)-i < 3 {
				return KeyRW | KeyAccess | KeyUpdate
			}
			i += 2
		}
		return KeyRO | KeyAccess
	case "delex":
		if len(args) > 2 {
			return KeyRW | KeyAccess | KeyDelete
		}
		return KeyRM | KeyDelete
	}
	for _, option := range args[3:] {
		if word(option, "GET") || isCondition(option) {
			return KeyRW | KeyAccess | KeyUpdate
		}
	}
	return KeyOW | KeyUpdate
}
