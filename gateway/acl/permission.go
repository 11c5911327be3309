package acl

import (
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/command"
)

// permission is what a user may do, or what one selector adds to that.
type permission struct {
	// allCommands: +@all was said last, and rules take from it. The commands that are allowed have their bit in allowed.
	allCommands bool
	rules       []string // "+get", "-@admin": those after +@all or -@all
	allowed     bitset

	keys     []keyPattern
	channels []string
}

// keyPattern allows keys to be read, to be written, or both.
type keyPattern struct {
	read, write bool
	pattern     string
}

func (k keyPattern) String() string {
	switch {
	case k.read && k.write:
		return "~" + k.pattern
	case k.read:
		return "%R~" + k.pattern
	}
	return "%W~" + k.pattern
}

// allKeys and allChannels tell whether nothing is left to be looked at.
func (p *permission) allKeys() bool {
	return slices.Contains(p.keys, keyPattern{read: true, write: true, pattern: "*"})
}

func (p *permission) allChannels() bool { return slices.Contains(p.channels, "*") }

// clone is a copy that may be changed.
func (p *permission) clone() permission {
	c := *p
	c.rules, c.allowed = slices.Clone(p.rules), slices.Clone(p.allowed)
	c.keys, c.channels = slices.Clone(p.keys), slices.Clone(p.channels)
	return c
}

// String is the permission as ACL LIST writes it.
func (p *permission) String() string {
	return join(p.keysText(), p.channelsText(" "), p.commandsText())
}

func (p *permission) keysText() string {
	words := make([]string, len(p.keys))
	for i, k := range p.keys {
		words[i] = k.String()
	}
	return strings.Join(words, " ")
}

// channelsText says of channels, unless all are allowed, that whatever a new user may have by default does not count.
func (p *permission) channelsText(sep string) string {
	words := make([]string, 0, len(p.channels)+1)
	if sep != "" && !p.allChannels() {
		words = append(words, "resetchannels")
	}
	for _, c := range p.channels {
		words = append(words, "&"+c)
	}
	return strings.Join(words, " ")
}

func (p *permission) commandsText() string {
	all := "-@all"
	if p.allCommands {
		all = "+@all"
	}
	return join(append([]string{all}, p.rules...)...)
}

// join joins the words that are not empty.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// allowAll makes everything allowed, or nothing, whatever was said of commands before.
func (p *permission) allowAll(table *command.Table, allow bool) {
	p.allCommands, p.rules = allow, nil
	p.allowed = newBitset(table.Size(), allow)
}

// allow applies one rule about commands, without its sign. It tells whether the rule is about anything.
func (p *permission) allow(table *command.Table, what string, allow bool) bool {
	what = strings.ToLower(what)
	if what == "@all" {
		p.allowAll(table, allow)
		return true
	}
	known := p.mark(table, what, allow)
	sign := "-"
	if allow {
		sign = "+"
	}
	p.rules = slices.DeleteFunc(p.rules, func(rule string) bool { return overruled(rule[1:], what) })
	p.rules = append(p.rules, sign+what)
	return known
}

// overruled tells whether a rule says nothing any more after one about what: it is about the same, or about a subcommand of
// it.
func overruled(earlier, what string) bool {
	return earlier == what || strings.HasPrefix(earlier, what+"|")
}

// mark sets the bits of the commands that a rule is about.
func (p *permission) mark(table *command.Table, what string, allow bool) bool {
	if name, ok := strings.CutPrefix(what, "@"); ok {
		category := command.CategoryByName(name)
		for _, spec := range table.All() {
			p.markIn(spec, category, allow)
		}
		return category != 0
	}
	spec := table.Named(what)
	if spec == nil {
		return false
	}
	p.allowed.set(spec.Index, allow)
	for _, child := range spec.Subcommands {
		p.allowed.set(child.Index, allow)
	}
	return true
}

func (p *permission) markIn(spec *command.Spec, category command.Category, allow bool) {
	if spec.Categories&category != 0 {
		p.allowed.set(spec.Index, allow)
	}
	for _, child := range spec.Subcommands {
		p.markIn(child, category, allow)
	}
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(size int, full bool) bitset {
	b := make(bitset, (size+63)/64)
	for i := range b {
		if full {
			b[i] = ^uint64(0)
		}
	}
	return b
}

func (b bitset) set(i int, on bool) {
	if on {
		b[i/64] |= 1 << (i % 64)
	} else {
		b[i/64] &^= 1 << (i % 64)
	}
}

func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
