package deploy

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// everyValue sets what the chart leaves off.
var everyValue = map[string]any{
	"replicas": 5, "image": map[string]any{"tag": "v2"}, "config": map[string]any{"maxmemory": "3gb", "http": "0.0.0.0:6383", "max-value-bytes": 8388608},
	"imagePullSecrets": []any{map[string]any{"name": "pull"}}, "auth": map[string]any{"existingSecret": "word"},
	"extraArgs": []any{"--pprof"}, "extraEnv": []any{map[string]any{"name": "HOLT_LOG_LEVEL", "value": "warn"}},
	"extraVolumes":      []any{map[string]any{"name": "tls", "secret": map[string]any{"secretName": "tls"}}},
	"extraVolumeMounts": []any{map[string]any{"name": "tls", "mountPath": "/etc/tls"}},
	"init":              map[string]any{"extraArgs": []any{"--replicas=3", "--shards=10"}},
	"persistence":       map[string]any{"storageClassName": "fast"}, "antiAffinity": "preferred",
	"service":        map[string]any{"annotations": map[string]any{"a": "b"}},
	"serviceAccount": map[string]any{"annotations": map[string]any{"c": "d"}}, "serviceMonitor": map[string]any{"enabled": true, "labels": map[string]any{"e": "f"}},
	"podAnnotations": map[string]any{"g": "h"}, "podLabels": map[string]any{"i": "j"}, "nodeSelector": map[string]any{"disk": "fast"},
	"tolerations": []any{map[string]any{"key": "cache", "operator": "Exists"}}, "priorityClassName": "high",
}

// stopMax is how many seconds the program takes at most to stop.
func stopMax(t *testing.T) int {
	t.Helper()
	m := regexp.MustCompile(`stopMax = (\d+) \* time\.Second`).FindStringSubmatch(read(t, "../../cmd/holt/server.go"))
	if m == nil {
		t.Fatal("cmd/holt/server.go does not say how long a server takes to stop")
	}
	seconds, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}

func TestEverybodyGivesANodeTheTimeToStop(t *testing.T) {
	for path, pattern := range map[string]string{
		at("docker", "compose.yaml"):      `stop_grace_period: (\d+)s`,
		at("systemd", "holt.service"):     `TimeoutStopSec=(\d+)s`,
		at("helm", "holt", "values.yaml"): `terminationGracePeriodSeconds: (\d+)`,
	} {
		m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, path))
		if m == nil {
			t.Fatalf("%s says nothing of it", path)
		}
		if seconds, err := strconv.Atoi(m[1]); err != nil || seconds <= stopMax(t) {
			t.Errorf("%s: %s, and a server takes up to %d s", path, m[0], stopMax(t))
		}
	}
}

func TestNodesOfTheChartAreStartedWithFlagsThatTheProgramTakes(t *testing.T) {
	for _, values := range []map[string]any{nil, everyValue} {
		all := render(t, values, true)
		set := the(t, all, "StatefulSet", "-holt")
		config := filepath.Join(t.TempDir(), "holt.yaml")
		file, _ := the(t, all, "ConfigMap", "-holt").part("data")["holt.yaml"].(string)
		write(t, config, file)
		container := set.part("spec.template.spec.containers.0")
		var env []string
		for _, variable := range container.list("env") {
			value := "x" // of a secret, of the pod
			if variable["value"] != nil {
				value = strings.ReplaceAll(variable.text("value"), "$(POD_NAME)", releaseName+"-holt-0")
			}
			env = append(env, variable.text("name")+"="+value)
		}
		args := container.texts("args")
		for i := range args {
			args[i] = strings.Replace(args[i], "/etc/holt/holt.yaml", config, 1)
		}
		checkServer(t, "the chart", env, args)
		job := the(t, all, "Job", "-init")
		checkInit(t, "the chart", job.part("spec.template.spec.containers.0").texts("args"))
	}
}

func TestNodesOfTheChartFindEachOtherByNamesThatStay(t *testing.T) {
	for count, values := range map[int]map[string]any{3: nil, 5: everyValue, 1: {"replicas": 1}} {
		all := render(t, values, true)
		set, nodes := the(t, all, "StatefulSet", "-holt"), the(t, all, "Service", "-nodes")
		if set.text("spec.serviceName") != nodes.text("metadata.name") || nodes.text("spec.clusterIP") != "None" || nodes.get("spec.publishNotReadyAddresses") != true {
			t.Errorf("service %v of %s: %v", nodes.get("metadata.name"), set.text("spec.serviceName"), nodes["spec"])
		}
		if set.get("spec.podManagementPolicy") != "Parallel" || set.get("spec.replicas") != count {
			t.Errorf("%v", set["spec"])
		}
		name := func(i int) string {
			return set.text("metadata.name") + "-" + strconv.Itoa(i) + "." + set.text("spec.serviceName") + "." + releaseNamespace + ".svc.cluster.local"
		}
		var join []string
		for i := range min(count, 3) {
			join = append(join, name(i)+":6381")
		}
		config := configOf(t, all)
		if got := config.texts("join"); !slices.Equal(got, join) {
			t.Errorf("--join=%q, want %q", got, join)
		}
		variables := set.list("spec.template.spec.containers.0.env")
		i := slices.IndexFunc(variables, func(o object) bool { return o["name"] == "HOLT_ADVERTISE" })
		if got := strings.ReplaceAll(variables[i].text("value"), "$(POD_NAME)", set.text("metadata.name")+"-0"); got != name(0) {
			t.Errorf("the first node advertises %s, want %s", got, name(0))
		}
		args := the(t, all, "Job", "-init").texts("spec.template.spec.containers.0.args")
		for _, want := range []string{"--addr=" + name(0) + ":6380", "--expect-nodes=" + strconv.Itoa(count), "--if-needed"} {
			if !slices.Contains(args, want) {
				t.Errorf("the job runs %q, without %s", args, want)
			}
		}
	}
	for _, o := range render(t, nil, false) {
		if o["kind"] == "Job" {
			t.Error("an upgrade changes a job, which Kubernetes refuses")
		}
	}
}

// configOf is the configuration file of the nodes.
func configOf(t *testing.T, all []object) object {
	t.Helper()
	text, _ := the(t, all, "ConfigMap", "-holt").part("data")["holt.yaml"].(string)
	var config object
	if err := yaml.Unmarshal([]byte(text), &config); err != nil || len(config) < 7 {
		t.Fatalf("%v: %s", err, text)
	}
	return config
}

// Clients, and the job that creates the cluster, are on other machines than the nodes.
func TestNodesOfTheChartLetClientsOfOtherMachinesIn(t *testing.T) {
	names := func(env []object) (all []string) {
		for _, variable := range env {
			all = append(all, variable.text("name"))
		}
		return all
	}
	for _, c := range []struct {
		what      string
		values    map[string]any
		protected any
		secret    bool
	}{
		{"nothing", nil, "no", false},
		{"a secret", map[string]any{"auth": map[string]any{"existingSecret": "word"}}, nil, true},
		{"the operator's word", map[string]any{"config": map[string]any{"protected-mode": "yes"}}, "yes", false},
	} {
		all := render(t, c.values, true)
		if got := configOf(t, all)["protected-mode"]; got != c.protected {
			t.Errorf("%s: protected-mode is %v, want %v", c.what, got, c.protected)
		}
		node := names(the(t, all, "StatefulSet", "-holt").list("spec.template.spec.containers.0.env"))
		job := the(t, all, "Job", "-init").part("spec.template.spec.containers.0")
		given := slices.Contains(node, "HOLT_REQUIREPASS") && slices.Contains(node, "HOLT_PASSWORD") && job["env"] != nil && slices.Contains(names(job.list("env")), "HOLT_PASSWORD")
		none := !slices.Contains(node, "HOLT_REQUIREPASS") && job["env"] == nil
		if given != c.secret || none == c.secret {
			t.Errorf("%s: the node has %q, the job %v", c.what, node, job["env"])
		}
	}
}

func TestSelectorsOfTheChartMeanItsNodesAlone(t *testing.T) {
	all := render(t, everyValue, true)
	set := the(t, all, "StatefulSet", "-holt")
	node := set.part("spec.template.metadata.labels")
	job := the(t, all, "Job", "-init").part("spec.template.metadata.labels")
	selectors := map[string]object{
		"StatefulSet": set.part("spec.selector.matchLabels"), "PodDisruptionBudget": the(t, all, "PodDisruptionBudget", "").part("spec.selector.matchLabels"),
		"Service for clients": the(t, all, "Service", "-holt").part("spec.selector"), "Service of nodes": the(t, all, "Service", "-nodes").part("spec.selector"),
		"spread over zones": set.part("spec.template.spec.topologySpreadConstraints.0.labelSelector.matchLabels"),
		"affinity":          set.part("spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.podAffinityTerm.labelSelector.matchLabels"),
		"required affinity": the(t, render(t, nil, true), "StatefulSet", "").part("spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.labelSelector.matchLabels"),
	}
	for what, selector := range selectors {
		if !selector.selects(node) {
			t.Errorf("%s: %v does not select %v", what, selector, node)
		}
		if selector.selects(job) {
			t.Errorf("%s: %v selects the job's pod, which is no node", what, selector)
		}
	}
	monitor := the(t, all, "ServiceMonitor", "").part("spec.selector.matchLabels")
	if !monitor.selects(the(t, all, "Service", "-nodes").part("metadata.labels")) || monitor.selects(the(t, all, "Service", "-holt").part("metadata.labels")) {
		t.Errorf("nodes are not scraped once each: %v", monitor)
	}
	if budget := the(t, all, "PodDisruptionBudget", ""); budget.get("spec.maxUnavailable") != 1 {
		t.Errorf("%v", budget["spec"])
	}
}

func TestPodsOfTheChartAreConfined(t *testing.T) {
	all := render(t, nil, true)
	user, _, _ := strings.Cut(instruction(t, read(t, at("docker", "Dockerfile")), "USER"), ":")
	for _, o := range []object{the(t, all, "StatefulSet", ""), the(t, all, "Job", "-init")} {
		pod := o.part("spec.template.spec")
		container := pod.part("containers.0.securityContext")
		if pod.get("securityContext.runAsNonRoot") != true || pod.text("securityContext.runAsUser") != user || pod.text("securityContext.fsGroup") != user {
			t.Errorf("%s: %v, and the image's user is %s", o.name(), pod["securityContext"], user)
		}
		if container["readOnlyRootFilesystem"] != true || container["allowPrivilegeEscalation"] != false || container.text("capabilities.drop") != "[ALL]" {
			t.Errorf("%s: %v", o.name(), container)
		}
		if pod["automountServiceAccountToken"] != false || pod["enableServiceLinks"] != false {
			t.Errorf("%s: %v", o.name(), pod)
		}
	}
}

func TestPortsAndFoldersOfTheChartAreThoseOfItsConfiguration(t *testing.T) {
	all := render(t, nil, true)
	config := configOf(t, all)
	container := the(t, all, "StatefulSet", "").part("spec.template.spec.containers.0")
	ports := map[string]string{}
	for _, port := range container.list("ports") {
		ports[port.text("name")] = port.text("containerPort")
	}
	for _, name := range []string{"resp", "grpc", "cluster", "gossip", "http"} {
		if "0.0.0.0:"+ports[name] != config.text(name) {
			t.Errorf("%s listens at %s, its port is %s", name, config.text(name), ports[name])
		}
	}
	for _, service := range []string{"-holt", "-nodes"} {
		for _, port := range the(t, all, "Service", service).list("spec.ports") {
			if ports[port.text("targetPort")] != port.text("port") {
				t.Errorf("...%s: port %v, and the container has %v", service, port, ports)
			}
		}
	}
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		if container.get(probe+".httpGet.port") != "http" {
			t.Errorf("%s: %v", probe, container[probe])
		}
	}
	if mount := container.part("volumeMounts.0"); mount["mountPath"] != config["dir"] || mount["name"] != "data" {
		t.Errorf("the claim is mounted as %v, the data folder is %v", mount, config["dir"])
	}
}
