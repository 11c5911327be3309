package deploy

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"
)

// helm is the program, of `make deploy-check` or of the machine.
func helm(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath(filepath.Join("..", "..", "bin", "helm")); err == nil {
		return path
	}
	return tool(t, "helm", "make deploy-check builds it, which takes minutes")
}

func TestHelmFindsNoFaultInTheChart(t *testing.T) {
	helm := helm(t)
	values := filepath.Join(t.TempDir(), "values.yaml")
	data, err := yaml.Marshal(everyValue)
	if err != nil {
		t.Fatal(err)
	}
	write(t, values, string(data))
	mustRun(t, helm, "lint", "--strict", "--kube-version", "1.31.0", at("helm", "holt"))
	mustRun(t, helm, "lint", "--strict", "--kube-version", "1.31.0", "--values", values, at("helm", "holt"))
}

func TestHelmMakesTheSameOfTheChart(t *testing.T) {
	helm := helm(t)
	for what, values := range map[string]map[string]any{
		"no values": nil, "every value": everyValue, "one node": {"replicas": 1},
		"nothing optional": {
			"init": map[string]any{"enabled": false}, "podDisruptionBudget": map[string]any{"enabled": false},
			"serviceAccount": map[string]any{"create": false}, "zoneLabel": "",
		},
	} {
		path := filepath.Join(t.TempDir(), "values.yaml")
		data, err := yaml.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(data))
		for _, upgrade := range []bool{false, true} {
			args := []string{"template", releaseName, at("helm", "holt"), "--namespace", releaseNamespace, "--kube-version", "1.31.0", "--values", path}
			if upgrade {
				args = append(args, "--is-upgrade")
			}
			theirs, ours := byName(t, objects(t, mustRun(t, helm, args...))), byName(t, render(t, values, !upgrade))
			for name, o := range theirs {
				if !reflect.DeepEqual(o, ours[name]) {
					t.Errorf("%s, upgrade %v: %s: helm makes\n%v, this test\n%v", what, upgrade, name, o, ours[name])
				}
			}
			if len(theirs) != len(ours) || len(ours) < 4 {
				t.Errorf("%s, upgrade %v: helm makes %d objects, this test %d", what, upgrade, len(theirs), len(ours))
			}
		}
	}
}

// byName is objects by their names. The configuration, a text within the YAML, is read too: two programs write the same YAML
// differently, and its checksum with it.
func byName(t *testing.T, all []object) map[string]object {
	t.Helper()
	named := map[string]object{}
	for _, o := range all {
		if annotations := o.part("spec.template.metadata.annotations"); annotations != nil {
			annotations["holt/config"] = "checksum"
		}
		if o["kind"] == "ConfigMap" {
			o["data"] = configOf(t, all)
		}
		named[o.name()] = o
	}
	return named
}
