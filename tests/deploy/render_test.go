package deploy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// release is what the chart is rendered for here: a name that says another thing than the chart's, a namespace.
const (
	releaseName      = "cache"
	releaseNamespace = "shop"
)

// render is what Helm makes of the chart, for the few functions that its templates use: helm takes minutes to build, and this
// nothing. TestHelmMakesTheSameOfTheChart holds one against the other where helm is.
func render(t *testing.T, values map[string]any, install bool) []object {
	t.Helper()
	folder := at("helm", "holt")
	var about map[string]any
	decode(t, filepath.Join(folder, "Chart.yaml"), &about)
	all := map[string]any{}
	decode(t, filepath.Join(folder, "values.yaml"), &all)
	for key, value := range values {
		base, isMap := all[key].(map[string]any)
		over, alsoMap := value.(map[string]any)
		if isMap && alsoMap {
			value = merge(map[string]any{}, over, base)
		}
		all[key] = value
	}
	set := template.New("chart").Option("missingkey=error")
	set.Funcs(functions(set))
	files, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("templates %q, %v", files, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.New(filepath.Base(path)).Parse(string(data)); err != nil {
			t.Fatal(err)
		}
	}
	dot := map[string]any{
		"Values": all, "Chart": map[string]any{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": map[string]any{"Name": releaseName, "Namespace": releaseNamespace, "Service": "Helm", "IsInstall": install},
	}
	var text bytes.Buffer
	for _, path := range files {
		if filepath.Ext(path) != ".yaml" {
			continue
		}
		fmt.Fprintln(&text, "\n---")
		if err := set.ExecuteTemplate(&text, filepath.Base(path), dot); err != nil {
			t.Fatal(err)
		}
	}
	return objects(t, text.String())
}

// functions are those of Helm's that the templates use.
func functions(set *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, dot any) (string, error) {
			var text strings.Builder
			err := set.ExecuteTemplate(&text, name, dot)
			return text.String(), err
		},
		"toYaml": func(value any) (string, error) {
			var text strings.Builder
			e := yaml.NewEncoder(&text)
			e.SetIndent(2)
			err := e.Encode(value)
			return strings.TrimSuffix(text.String(), "\n"), err
		},
		"nindent": func(n int, text string) string {
			pad := "\n" + strings.Repeat(" ", n)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
		"contains":   func(part, text string) bool { return strings.Contains(text, part) },
		"trimSuffix": func(end, text string) string { return strings.TrimSuffix(text, end) },
		"trunc":      func(n int, text string) string { return text[:min(n, len(text))] },
		"quote":      func(text string) string { return fmt.Sprintf("%q", text) },
		"sha256sum":  func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) },
		"default": func(otherwise, text string) string {
			if text == "" {
				return otherwise
			}
			return text
		},
		"int":    func(n int) int { return n },
		"min":    func(a, b int) int { return min(a, b) },
		"until":  counted,
		"list":   func(items ...any) []any { return items },
		"append": func(items []any, item any) []any { return append(items, item) },
		"dict": func(pairs ...any) map[string]any {
			made := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				made[pairs[i].(string)] = pairs[i+1]
			}
			return made
		},
		"merge": merge,
	}
}

func counted(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// merge adds to a map what it lacks, at each depth.
func merge(to map[string]any, from ...map[string]any) map[string]any {
	for _, m := range from {
		for key, value := range m {
			have, there := to[key]
			inner, isMap := have.(map[string]any)
			more, alsoMap := value.(map[string]any)
			switch {
			case !there:
				to[key] = value
			case isMap && alsoMap:
				to[key] = merge(inner, more)
			}
		}
	}
	return to
}
