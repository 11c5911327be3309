package command

import (
	"strings"

	"github.com/holtcache/holt/gateway/resp"
)

// CommandReply answers COMMAND and its subcommands (redis.io/commands/command).
func (t *Table) CommandReply(args [][]byte) resp.Value {
	spec, err := t.Lookup(args)
	if err != nil {
		return fail(err)
	}
	switch spec.Name {
	case "command":
		return t.infoAll()
	case "command|count":
		return resp.Int(int64(len(t.rows)))
	case "command|info":
		return t.info(args[2:])
	case "command|docs":
		return t.docs(args[2:])
	case "command|list":
		return t.list(args[2:])
	case "command|getkeys":
		return t.getKeys(args[2:], false)
	case "command|getkeysandflags":
		return t.getKeys(args[2:], true)
	}
	return t.HelpReply(args)
}

func (t *Table) infoAll() resp.Value {
	replies := make([]resp.Value, len(t.rows))
	for i, spec := range t.rows {
		replies[i] = spec.info()
	}
	return resp.Array(replies...)
}

func (t *Table) info(names [][]byte) resp.Value {
	if len(names) == 0 {
		return t.infoAll()
	}
	replies := make([]resp.Value, len(names))
	for i, name := range names {
		if spec := lookupFold(t.named, name); spec != nil {
			replies[i] = spec.info()
		}
	}
	return resp.Array(replies...)
}

// info is the row as COMMAND INFO shows it.
func (s *Spec) info() resp.Value {
	keySpecs := make([]resp.Value, len(s.KeySpecs))
	for i := range s.KeySpecs {
		keySpecs[i] = s.KeySpecs[i].info()
	}
	children := make([]resp.Value, len(s.Subcommands))
	for i, child := range s.Subcommands {
		children[i] = child.info()
	}
	categories := s.Categories.Names()
	for i := range categories {
		categories[i] = "@" + categories[i]
	}
	return resp.Array(
		resp.BulkString(s.Name),
		resp.Int(int64(s.Arity)),
		simpleSet(s.Flags.Names()),
		resp.Int(int64(s.FirstKey)), resp.Int(int64(s.LastKey)), resp.Int(int64(s.Step)),
		simpleSet(categories),
		resp.Set(bulks(s.Tips)...),
		resp.Set(keySpecs...),
		resp.Set(children...),
	)
}

func (k *KeySpec) info() resp.Value {
	begin, find := k.First, resp.Map(
		resp.BulkString("type"), resp.BulkString("range"),
		resp.BulkString("spec"), resp.Map(
			resp.BulkString("lastkey"), resp.Int(int64(k.Last)),
			resp.BulkString("keystep"), resp.Int(int64(k.Step)),
			resp.BulkString("limit"), resp.Int(0)))
	if k.CountAt != 0 {
		begin, find = k.CountAt, resp.Map(
			resp.BulkString("type"), resp.BulkString("keynum"),
			resp.BulkString("spec"), resp.Map(
				resp.BulkString("keynumidx"), resp.Int(0),
				resp.BulkString("firstkey"), resp.Int(int64(k.First-k.CountAt)),
				resp.BulkString("keystep"), resp.Int(int64(k.Step))))
	}
	var fields []resp.Value
	if k.Notes != "" {
		fields = append(fields, resp.BulkString("notes"), resp.BulkString(k.Notes))
	}
	return resp.Map(append(fields,
		resp.BulkString("flags"), simpleSet(k.Flags.Names()),
		resp.BulkString("begin_search"), resp.Map(
			resp.BulkString("type"), resp.BulkString("index"),
			resp.BulkString("spec"), resp.Map(resp.BulkString("index"), resp.Int(int64(begin)))),
		resp.BulkString("find_keys"), find)...)
}

// list answers COMMAND LIST, with or without a filter; subcommands are listed beside their parents.
func (t *Table) list(filter [][]byte) resp.Value {
	keep := func(*Spec) bool { return true }
	switch {
	case len(filter) == 0:
	case len(filter) != 3 || !word(filter[0], "FILTERBY"):
		return fail(errSyntax)
	case word(filter[1], "MODULE"):
		keep = func(*Spec) bool { return false }
	case word(filter[1], "ACLCAT"):
		category := categoryByName(strings.ToLower(string(filter[2])))
		keep = func(s *Spec) bool { return s.Categories&category != 0 }
	case word(filter[1], "PATTERN"):
		pattern := strings.ToLower(string(filter[2]))
		keep = func(s *Spec) bool { return matchGlob(pattern, s.Name) }
	default:
		return fail(errSyntax)
	}
	list := []string{}
	for _, row := range t.rows {
		for _, spec := range append([]*Spec{row}, row.Subcommands...) {
			if keep(spec) {
				list = append(list, spec.Name)
			}
		}
	}
	return resp.Array(bulks(list)...)
}

func bulks(texts []string) []resp.Value {
	values := make([]resp.Value, len(texts))
	for i, text := range texts {
		values[i] = resp.BulkString(text)
	}
	return values
}

func simpleSet(texts []string) resp.Value {
	values := make([]resp.Value, len(texts))
	for i, text := range texts {
		values[i] = resp.Simple(text)
	}
	return resp.Set(values...)
}
