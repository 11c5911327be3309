package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func promtool(t *testing.T) string {
	return tool(t, "promtool", "the package prometheus has it")
}

func TestPrometheusTakesRulesAndConfiguration(t *testing.T) {
	promtool := promtool(t)
	mustRun(t, promtool, "check", "rules", at("prometheus", "alerts.yaml"))
	mustRun(t, promtool, "check", "config", at("prometheus", "prometheus.yaml"))
}

// alerts_test.yaml holds series of made-up nodes, and what the rules say of them.
func TestRulesAlertWhenTheyShouldAndOnlyThen(t *testing.T) {
	mustRun(t, promtool(t), "test", "rules", at("prometheus", "alerts_test.yaml"))
}

// A panel's query is read as that of a rule would be.
func TestPrometheusTakesEveryQueryOfTheDashboard(t *testing.T) {
	promtool := promtool(t)
	check := func(all []query) (string, error) {
		type rule struct {
			Record string `yaml:"record"`
			Expr   string `yaml:"expr"`
		}
		var rules []rule
		for _, q := range all {
			rules = append(rules, rule{"some:thing", q.expr})
		}
		data, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "rules.yaml")
		write(t, path, string(data))
		return run(t, "", nil, promtool, "check", "rules", "--lint=none", path)
	}
	if out, err := check(queries(t)); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := check([]query{{"", "sum by (job (holt_ready)"}}); err == nil || !strings.Contains(out, "parse") {
		t.Errorf("a query that is none is taken: %s", out)
	}
}
