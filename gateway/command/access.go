package command

import (
	"slices"
	"strings"
)

// What rules of users (Redis, "ACL") need of the table.

// Categories lists the names of all categories, also those that no command is in.
func Categories() []string { return slices.Clone(categoryNames) }

// CategoryByName finds a category, in upper or lower case; 0 where there is none of that name.
func CategoryByName(name string) Category { return categoryByName(strings.ToLower(name)) }

// Named finds a command or, as "client|list", a subcommand, in upper or lower case; nil where there is none.
func (t *Table) Named(name string) *Spec { return t.named[strings.ToLower(name)] }

// Size is how many commands and subcommands there are. Each has an Index below that.
func (t *Table) Size() int { return len(t.named) }

// EachKey shows the keys among the arguments, whose number Lookup has checked, with what the command does to each, until show
// returns false.
func (s *Spec) EachKey(args [][]byte, show func(key []byte, flags KeyFlag) bool) {
	for i := range s.KeySpecs {
		flags := s.KeySpecs[i].Flags
		if flags&KeyNotKey != 0 {
			continue
		}
		if flags&KeyVariableFlags != 0 {
			flags = variableKeyFlags(s.Name, args)
		}
		for _, key := range s.KeySpecs[i].keys(args) {
			if !show(key, flags) {
				return
			}
		}
	}
}

// MatchGlob tells whether a text matches a pattern of Redis.
func MatchGlob(pattern, text string) bool { return matchGlob(pattern, text) }
