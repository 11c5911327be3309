package command

import "github.com/holtcache/holt/gateway/ops"

// KeyFlag is a set of statements about what a command does to its keys (Redis, "Key specifications").
type KeyFlag uint16

const (
	// KeyRO means that the value is read and not changed.
	KeyRO KeyFlag = 1 << iota
	// KeyRW means that the value is read and changed.
	KeyRW
	// KeyOW means that the value is overwritten unread.
	KeyOW
	// KeyRM means that the key is deleted.
	KeyRM
	// KeyAccess means that the reply shows the value.
	KeyAccess
	// KeyUpdate means that the value or its expiry is changed.
	KeyUpdate
	// KeyInsert means that data is added and none is changed.
	KeyInsert
	// KeyDelete means that data is taken away.
	KeyDelete
	// KeyVariableFlags means that the other flags depend on the arguments.
	KeyVariableFlags
	// KeyNotKey means that what stands in the place of keys names no keys, and is sent to the node of its slot all the same.
	KeyNotKey
)

var keyFlagNames = []string{"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "variable_flags", "not_key"}

// Names lists the flags as COMMAND INFO writes them.
func (f KeyFlag) Names() []string { return names(uint32(f), keyFlagNames) }

// KeySpec says where a command has keys, and what it does to them.
type KeySpec struct {
	Flags KeyFlag
	// First is the position of the first key; the command's name is at 0.
	First int
	// Last is the position of the last key, counted from First; negative, it counts from the end of the arguments.
	Last int
	// Step is the distance between keys.
	Step int
	// CountAt, where not 0, is the position of the argument that says how many keys there are. They begin at First,
	// and Last does not count.
	CountAt int
	// Notes explain the flags.
	Notes string
}

// oneKey is the specification of commands with a single key, behind the name.
func oneKey(flags KeyFlag) []KeySpec { return []KeySpec{{Flags: flags, First: 1, Step: 1}} }

// allKeys is the specification of commands whose arguments are all keys.
func allKeys(flags KeyFlag) []KeySpec { return []KeySpec{{Flags: flags, First: 1, Last: -1, Step: 1}} }

// span returns the positions of first and last key among args; last < first where there is none.
func (k *KeySpec) span(args [][]byte) (first, last int) {
	last = k.First + k.Last
	switch {
	case k.CountAt != 0:
		if k.CountAt >= len(args) {
			return 0, -1
		}
		count, err := ops.ParseInt(args[k.CountAt])
		if err != nil || count <= 0 || count > int64((len(args)-k.First+k.Step-1)/k.Step) {
			return 0, -1
		}
		last = k.First + (int(count)-1)*k.Step
	case k.Last < 0:
		last = len(args) + k.Last
	}
	return k.First, min(last, len(args)-1)
}

// keys returns the keys among args; where they lie side by side, as a part of args.
func (k *KeySpec) keys(args [][]byte) [][]byte {
	first, last := k.span(args)
	if last < first {
		return nil
	}
	if k.Step == 1 {
		return args[first : last+1 : last+1]
	}
	keys := make([][]byte, 0, (last-first)/k.Step+1)
	for i := first; i <= last; i += k.Step {
		keys = append(keys, args[i])
	}
	return keys
}
