package conformance

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/command"
)

// Generator makes commands of a row of the table: most of them right, some a little wrong.
type Generator struct {
	random *rand.Rand
	spec   *command.Spec
	// waits tells that the command may wait for a time that it is given: that is never a positive number then.
	waits bool
}

// NewGenerator makes the commands of a row; equal seeds give equal commands.
func NewGenerator(spec *command.Spec, seed uint64) *Generator {
	name := fnv.New64a()
	_, _ = name.Write([]byte(spec.Name))
	waits := slices.ContainsFunc(spec.Arguments, func(a command.Arg) bool { return a.Name == "timeout" })
	return &Generator{random: rand.New(rand.NewPCG(seed, name.Sum64())), spec: spec, waits: waits}
}

// oneIn tells one time in n.
func (g *Generator) oneIn(n int) bool { return g.random.IntN(n) == 0 }

func pick[T any](g *Generator, of ...T) T { return of[g.random.IntN(len(of))] }

// Command makes the next command.
func (g *Generator) Command() []string {
	words := strings.Split(g.spec.Name, "|")
	if g.oneIn(4) {
		for i := range words {
			words[i] = strings.ToUpper(words[i])
		}
	}
	from := len(words)
	for _, part := range g.parts() {
		words = append(words, part...)
	}
	return g.spoil(words, from)
}

// parts makes the arguments; options may come in any order.
func (g *Generator) parts() [][]string {
	var parts [][]string
	options := 0
	for i := range g.spec.Arguments {
		a := &g.spec.Arguments[i]
		part := g.argument(a, a.Name)
		if a.Flags&command.ArgOptional == 0 {
			options = 0
		} else if len(part) > 0 {
			options++
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	if tail := parts[len(parts)-min(options, len(parts)):]; len(tail) > 1 && g.oneIn(2) {
		g.random.Shuffle(len(tail), func(i, j int) { tail[i], tail[j] = tail[j], tail[i] })
	}
	return parts
}

// argument makes one argument, none of it where it may be left out. name is its name, or that of the argument that it is a
// choice of.
func (g *Generator) argument(a *command.Arg, name string) []string {
	if a.Flags&command.ArgOptional != 0 && g.oneIn(2) {
		return nil
	}
	times := 1
	if a.Flags&command.ArgMultiple != 0 {
		times = pick(g, 1, 1, 2, 3)
	}
	var words []string
	for i := range times {
		if a.Token != "" && (i == 0 || a.Flags&command.ArgMultipleToken != 0) {
			words = append(words, pick(g, a.Token, a.Token, strings.ToLower(a.Token)))
		}
		words = append(words, g.values(a)...)
	}
	return words
}

func (g *Generator) values(a *command.Arg) []string {
	switch a.Type {
	case command.ArgPureToken:
		return nil // its token is all
	case command.ArgOneOf:
		choice := &a.Arguments[g.random.IntN(len(a.Arguments))]
		return g.argument(choice, a.Name)
	case command.ArgBlock:
		var words []string
		for i := range a.Arguments {
			words = append(words, g.argument(&a.Arguments[i], a.Arguments[i].Name)...)
		}
		return words
	}
	return []string{g.value(a)}
}

// spoil makes a command wrong now and then: an argument too few or too many, one twice, or another in the place of one.
func (g *Generator) spoil(words []string, from int) []string {
	if len(words) == from {
		if g.oneIn(6) {
			words = append(words, g.junk())
		}
		return words
	}
	at := from + g.random.IntN(len(words)-from)
	switch g.random.IntN(24) {
	case 0:
		return words[:len(words)-1]
	case 1:
		return append(words, g.junk())
	case 2:
		return slices.Insert(words, at, words[at])
	case 3, 4:
		words[at] = g.junk()
	case 5:
		return slices.Delete(words, at, at+1)
	}
	return words
}
