package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// query is what a rule or a panel asks Prometheus.
type query struct{ where, expr string }

// queries are those of the alert rules and of the dashboard.
func queries(t *testing.T) []query {
	t.Helper()
	var found []query
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct{ Alert, Expr string }
		}
	}
	decode(t, at("prometheus", "alerts.yaml"), &rules)
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			found = append(found, query{"alert " + rule.Alert, rule.Expr})
		}
	}
	var dashboard struct {
		Templating struct{ List []struct{ Name, Type string } }
		Panels     []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	decode(t, at("grafana", "holt.json"), &dashboard)
	var variables []string
	for _, v := range dashboard.Templating.List {
		variables = append(variables, v.Name)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			for _, m := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if m[1] != "__rate_interval" && !slices.Contains(variables, m[1]) {
					t.Errorf("panel %s: $%s is no variable of the dashboard", panel.Title, m[1])
				}
			}
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "holt", "$namespace", ".*", "$instance", ".*").Replace(target.Expr)
			found = append(found, query{"panel " + panel.Title, expr})
		}
	}
	if len(found) < 60 {
		t.Fatalf("only %d queries found", len(found))
	}
	return found
}

var (
	// ours are metrics of a node; up is Prometheus' own.
	ours = regexp.MustCompile(`\b(holt|go|process)_[a-z0-9_]+(\{[^}]*\})?`)
	// foreign are metrics of others that rules may use.
	foreign = regexp.MustCompile(`\b(up|node_filesystem_(avail|size)_bytes|kubelet_volume_stats_(available|capacity)_bytes)\b(\{[^}]*\})?`)
	grouped = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	matcher = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
)

// added are labels that Prometheus gives to every sample that it scrapes.
var added = []string{"job", "instance", "namespace"}

// metricNames are those that a query uses, each with the labels that it is chosen by.
func metricNames(expr string) map[string][]string {
	names := map[string][]string{}
	for _, selector := range ours.FindAllString(expr, -1) {
		name, labels, _ := strings.Cut(selector, "{")
		chosen := names[name]
		for _, m := range matcher.FindAllStringSubmatch(labels, -1) {
			chosen = append(chosen, m[1])
		}
		names[name] = chosen
	}
	return names
}

// checkQuery holds a query against metrics with their labels.
func checkQuery(q query, shown map[string][]string) (faults []string) {
	used := metricNames(q.expr)
	if len(used) == 0 && !foreign.MatchString(q.expr) {
		faults = append(faults, "it asks for no metric that is known")
	}
	all := slices.Clone(added)
	for name, labels := range used {
		there, exists := shown[name]
		if !exists {
			faults = append(faults, "no node shows "+name)
		}
		all = append(all, there...)
		for _, label := range labels {
			if !slices.Contains(there, label) && !slices.Contains(added, label) {
				faults = append(faults, name+" has no label "+label)
			}
		}
	}
	for _, m := range grouped.FindAllStringSubmatch(q.expr, -1) {
		for _, label := range strings.Split(m[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(all, label) {
				faults = append(faults, "nothing that it asks for has the label "+label)
			}
		}
	}
	return faults
}

func TestAQueryForWhatDoesNotExistIsFound(t *testing.T) {
	shown := map[string][]string{"holt_ready": nil, "holt_shard_leader": {"shard"}}
	for expr, good := range map[string]bool{
		`holt_ready{job="holt"} == 0`:                        true,
		`sum by (job, shard) (holt_shard_leader{shard="1"})`: true,
		`up{job="holt"} == 0`:                                true,
		`holt_readyz == 0`:                                   false,
		`holt_ready{shard="1"}`:                              false,
		`sum by (shard) (holt_ready)`:                        false,
		`holt_shard_leader - on (state) holt_shard_leader`:   false,
		`vector(1)`:                    false,
		`holt_ready + holt_shard_lead`: false,
		`rate(holt_shard_leader{command=~"get|set"}[1m]) > 0`: false,
	} {
		if faults := checkQuery(query{"", expr}, shown); (len(faults) == 0) != good {
			t.Errorf("%s: %q", expr, faults)
		}
	}
}
