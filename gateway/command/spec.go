package command

import (
	"slices"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

// Call is one parsed data command, ready to run. Exactly one of Read, Write and Alone is set. It refers to the arguments it
// was parsed from: they stay untouched until the reply is there.
type Call struct {
	Keys [][]byte
	// Read answers a command that only reads. The reply owns its bytes.
	Read func(ops.Reader) resp.Value
	// Many tells that Read may show any number of values, so that its reply needs a limit while it is made.
	Many bool
	// Write answers a command that may write. An error reply means that nothing was changed.
	Write func(ops.Tx) resp.Value
	// Alone answers a command that has no keys this time, so that it can be run anywhere.
	Alone func() resp.Value
	// Guard, where set, is told by whoever runs the call what its script may run; it is set where the call runs a script.
	Guard func(Guard)
	// Forward, where set, is what is sent to another node that runs the command, instead of its arguments.
	Forward [][]byte
}

// Guard decides what a script may run. It is asked by one goroutine after the other.
type Guard interface {
	// Refuses says why the script may not run a command, nothing where it may.
	Refuses(spec *Spec, args [][]byte) (why string)
	// Tried notes that the script has tried to, all the same.
	Tried(spec *Spec, args [][]byte)
}

// Spec is one row of the table. Rows are immutable.
type Spec struct {
	// Name is in lower case; that of a subcommand begins with its parent's: "client|list".
	Name string
	// Parent is the name of the command that this is a subcommand of; empty for all others.
	Parent string
	// Arity is the number of arguments, the name and a subcommand's name included; negative, it is the least number.
	Arity int
	Flags Flag
	// OwnSession means that the command changes only how whoever sends it is served from then on: it takes no right.
	OwnSession bool
	// Categories include those that follow from the flags.
	Categories Category
	KeySpecs   []KeySpec
	// FirstKey, LastKey and Step are KeySpecs in the form of Redis before 7: all 0 where there are no keys or a count says how
	// many; LastKey counts from the end where negative.
	FirstKey, LastKey, Step int
	// Tips tell clients and proxies how to spread the command over shards (Redis, "Command tips").
	Tips []string

	Summary    string
	Since      string
	Group      string
	Complexity string
	// DocFlags say more about the command as a whole; "deprecated" follows from DeprecatedSince.
	DocFlags []string
	// DeprecatedSince and ReplacedBy are empty unless the command is deprecated.
	DeprecatedSince, ReplacedBy string
	Arguments                   []Arg
	// Index is the row's place among all commands and subcommands: below Table.Size, and different for each.
	Index int
	// Subcommands are sorted by name.
	Subcommands []*Spec

	// Parse checks the arguments, args[0] being the name as it was sent, after Lookup has checked their number.
	// It is nil for commands that the connection or the server answers itself.
	Parse func(args [][]byte) (Call, error)

	// children finds Subcommands by the last part of their names.
	children map[string]*Spec
}

// Flag tells whether the command has all of these flags.
func (s *Spec) Flag(f Flag) bool { return s.Flags&f == f }

// Keys returns the keys among the arguments. It needs no memory for commands whose keys lie side by side.
func (s *Spec) Keys(args [][]byte) [][]byte {
	if len(s.KeySpecs) == 1 {
		return s.KeySpecs[0].keys(args)
	}
	var keys [][]byte
	for i := range s.KeySpecs {
		keys = append(keys, s.KeySpecs[i].keys(args)...)
	}
	return keys
}

// arityHolds tells whether a command of so many arguments is complete.
func (s *Spec) arityHolds(count int) bool {
	return count == s.Arity || s.Arity < 0 && count >= -s.Arity
}

// derive fills in what follows from the literal of a row, for the row and its subcommands.
func (s *Spec) derive(group string) {
	s.Group = group
	s.Categories |= impliedBy(s.Flags, s.Categories)
	for _, k := range s.KeySpecs {
		if k.CountAt != 0 {
			s.Flags |= MovableKeys
		}
	}
	for i, k := range s.KeySpecs {
		if k.CountAt != 0 {
			break
		}
		last := k.Last
		if last >= 0 {
			last += k.First
		}
		if i == 0 {
			s.FirstKey, s.Step = k.First, k.Step
		}
		if s.LastKey >= 0 && (last < 0 || last > s.LastKey) { // what counts from the end is behind all else
			s.LastKey = last
		}
	}
	s.children = make(map[string]*Spec, len(s.Subcommands))
	for _, child := range s.Subcommands {
		s.children[child.Name] = child
		child.Parent = s.Name
		child.Name = s.Name + "|" + child.Name
		child.derive(group)
	}
	slices.SortFunc(s.Subcommands, byName)
}
