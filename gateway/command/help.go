package command

import (
	"strings"

	"github.com/holtcache/holt/gateway/resp"
)

// HelpReply answers the HELP subcommand of any command that has one, such as CLIENT HELP.
func (t *Table) HelpReply(args [][]byte) resp.Value {
	spec, err := t.Lookup(args)
	if err != nil {
		return fail(err)
	}
	if parent := t.named[spec.Parent]; parent != nil {
		spec = parent
	}
	return spec.help()
}

// help lists the subcommands: how each is written, and its summary.
func (s *Spec) help() resp.Value {
	lines := []resp.Value{
		resp.Simple(strings.ToUpper(s.Name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"),
	}
	for _, child := range s.Subcommands {
		_, name, _ := strings.Cut(child.Name, "|")
		lines = append(lines,
			resp.Simple(strings.ToUpper(name)+usage(child.Arguments)),
			resp.Simple("    "+strings.TrimSuffix(child.Summary, ".")+"."))
	}
	return resp.Array(lines...)
}

// usage writes arguments one after another, each behind a space.
func usage(args []Arg) string {
	var b strings.Builder
	for i := range args {
		b.WriteByte(' ')
		b.WriteString(args[i].usage())
	}
	return b.String()
}

// usage writes an argument as manuals do: [optional], <value>, (this|that), repeated ...
func (a *Arg) usage() string {
	var text string
	switch a.Type {
	case ArgPureToken:
		text = a.Token
	case ArgOneOf:
		choices := make([]string, len(a.Arguments))
		for i := range a.Arguments {
			choices[i] = a.Arguments[i].usage()
		}
		text = "(" + strings.Join(choices, "|") + ")"
	case ArgBlock:
		text = usage(a.Arguments)[1:]
	default:
		text = "<" + a.Name + ">"
	}
	if a.Token != "" && a.Type != ArgPureToken {
		text = a.Token + " " + text
	}
	if a.Flags&ArgMultiple != 0 {
		text += " [" + text + " ...]"
	}
	if a.Flags&ArgOptional != 0 {
		text = "[" + text + "]"
	}
	return text
}
