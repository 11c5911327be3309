package command

import (
	"bytes"

	"github.com/holtcache/holt/proto/apierr"
)

const (
	// nameBytesMax bounds the names that are looked up; no command has a longer one.
	nameBytesMax = 32
	// echoBytesMax bounds how much of a refused command its error repeats (Redis, server.c, commandCheckExistence).
	echoBytesMax = 128
)

// Lookup finds the command or subcommand that args ask for, in upper or lower case, and checks their number. Errors
// are *apierr.Error with the texts of Redis. It needs no memory for commands that exist.
func (t *Table) Lookup(args [][]byte) (*Spec, error) {
	spec, err := t.find(args)
	if err != nil {
		return nil, err
	}
	if !spec.arityHolds(len(args)) {
		return nil, wrongArity(spec.Name)
	}
	return spec, nil
}

// find is Lookup without the check of arity.
func (t *Table) find(args [][]byte) (*Spec, error) {
	if len(args) == 0 {
		return nil, unknownCommand([][]byte{nil})
	}
	spec := lookupFold(t.named, args[0])
	if spec == nil || spec.Parent != "" {
		return nil, unknownCommand(args)
	}
	if len(spec.Subcommands) == 0 || len(args) == 1 {
		return spec, nil
	}
	child := lookupFold(spec.children, args[1])
	if child == nil {
		return nil, unknownSubcommand(args)
	}
	return child, nil
}

// lookupFold looks a name up without regard to case.
func lookupFold(in map[string]*Spec, name []byte) *Spec {
	if len(name) > nameBytesMax {
		return nil
	}
	var lower [nameBytesMax]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return in[string(lower[:len(name)])]
}

func wrongArity(name string) error {
	return apierr.New(apierr.KindInvalid, "wrong number of arguments for '%s' command", name)
}

func unknownCommand(args [][]byte) error {
	var rest []byte
	for _, arg := range args[1:] {
		if len(rest) >= echoBytesMax {
			break
		}
		arg = clip(arg, echoBytesMax-len(rest))
		rest = append(append(append(rest, '\''), arg...), "' "...)
	}
	return apierr.New(apierr.KindInvalid, "unknown command '%s', with args beginning with: %s", clip(args[0], echoBytesMax), rest)
}

func unknownSubcommand(args [][]byte) error {
	return apierr.New(apierr.KindInvalid, "unknown subcommand '%s'. Try %s HELP.", clip(args[1], echoBytesMax), bytes.ToUpper(args[0]))
}

// clip cuts a text after so many bytes, and before a zero byte: as Redis prints arguments in errors.
func clip(b []byte, bytesMax int) []byte {
	b = b[:min(len(b), bytesMax)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b
}
