package deploy

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is one of Kubernetes' objects, or a part of it.
type object map[string]any

// objects are those of a rendered chart.
func objects(t *testing.T, text string) []object {
	t.Helper()
	var found []object
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if o != nil {
			found = append(found, o)
		}
	}
}

// name is what tells an object from all others.
func (o object) name() string { return fmt.Sprint(o["kind"], " ", o.get("metadata.name")) }

// get is what a path of names with points between them leads to, nil where that is nothing; a number is an index of a list.
func (o object) get(path string) any {
	var at any = map[string]any(o)
	for _, step := range strings.Split(path, ".") {
		switch in := at.(type) {
		case map[string]any:
			at = in[step]
		case object:
			at = in[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(in) {
				return nil
			}
			at = in[i]
		default:
			return nil
		}
	}
	return at
}

func (o object) text(path string) string { return fmt.Sprint(o.get(path)) }

// part is get of a map.
func (o object) part(path string) object {
	switch m := o.get(path).(type) {
	case map[string]any:
		return m
	case object:
		return m
	}
	return nil
}

// list is get of a list of maps.
func (o object) list(path string) (parts []object) {
	items, _ := o.get(path).([]any)
	for i := range items {
		parts = append(parts, o.part(fmt.Sprint(path, ".", i)))
	}
	return parts
}

// texts is get of a list of scalars.
func (o object) texts(path string) (texts []string) {
	items, _ := o.get(path).([]any)
	for _, item := range items {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

// selects tells whether a selector, a map of labels, fits labels.
func (o object) selects(labels object) bool {
	for key, value := range o {
		if labels[key] != value {
			return false
		}
	}
	return len(o) > 0
}

// the is the object of a kind that a suffix of its name tells from others of it.
func the(t *testing.T, all []object, kind, suffix string) object {
	t.Helper()
	var found []object
	for _, o := range all {
		if o["kind"] == kind && strings.HasSuffix(o.text("metadata.name"), suffix) {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s are called ...%s", len(found), kind, suffix)
	}
	return found[0]
}
