package command

import (
	"github.com/holtcache/holt/gateway/resp"
)

// docs answers COMMAND DOCS: a map of the commands that exist, all of them where none is named.
func (t *Table) docs(names [][]byte) resp.Value {
	var fields fieldList
	for _, name := range names {
		if spec := lookupFold(t.named, name); spec != nil {
			fields.add(spec.Name, spec.docs())
		}
	}
	if len(names) == 0 {
		for _, spec := range t.rows {
			fields.add(spec.Name, spec.docs())
		}
	}
	return resp.Map(fields...)
}

// fieldList collects the keys and values of a map whose keys are strings.
type fieldList []resp.Value

func (f *fieldList) add(name string, value resp.Value) {
	*f = append(*f, resp.BulkString(name), value)
}

// addText adds a field that is left out where it is empty.
func (f *fieldList) addText(name, text string) {
	if text != "" {
		f.add(name, resp.BulkString(text))
	}
}

// docs is the row as COMMAND DOCS shows it.
func (s *Spec) docs() resp.Value {
	var fields fieldList
	fields.addText("summary", s.Summary)
	fields.addText("since", s.Since)
	fields.addText("group", s.Group)
	fields.addText("complexity", s.Complexity)
	if len(s.DocFlags) > 0 {
		fields.add("doc_flags", simpleSet(s.DocFlags))
	}
	if s.DeprecatedSince != "" {
		fields.add("doc_flags", simpleSet([]string{"deprecated"}))
		fields.addText("deprecated_since", s.DeprecatedSince)
		fields.addText("replaced_by", s.ReplacedBy)
	}
	if len(s.Arguments) > 0 {
		fields.add("arguments", argDocs(s.Arguments))
	}
	if len(s.Subcommands) > 0 {
		var children fieldList
		for _, child := range s.Subcommands {
			children.add(child.Name, child.docs())
		}
		fields.add("subcommands", resp.Map(children...))
	}
	return resp.Map(fields...)
}

func argDocs(args []Arg) resp.Value {
	docs := make([]resp.Value, len(args))
	for i := range args {
		docs[i] = args[i].docs()
	}
	return resp.Array(docs...)
}

func (a *Arg) docs() resp.Value {
	var fields fieldList
	fields.addText("name", a.Name)
	fields.addText("type", string(a.Type))
	if a.Type == ArgKey {
		fields.add("key_spec_index", resp.Int(int64(a.KeySpec)))
	}
	fields.addText("token", a.Token)
	fields.addText("since", a.Since)
	fields.addText("deprecated_since", a.DeprecatedSince)
	if a.Flags != 0 {
		fields.add("flags", simpleSet(a.Flags.Names()))
	}
	if len(a.Arguments) > 0 {
		fields.add("arguments", argDocs(a.Arguments))
	}
	return resp.Map(fields...)
}
