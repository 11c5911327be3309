package deploy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is the rest of the only line of the Dockerfile that begins so.
func instruction(t *testing.T, dockerfile, word string) string {
	t.Helper()
	all := regexp.MustCompile(`(?m)^`+word+` (.*)$`).FindAllStringSubmatch(dockerfile, -1)
	if len(all) != 1 {
		t.Fatalf("%s is in the Dockerfile %d times", word, len(all))
	}
	return all[0][1]
}

// imageCommand is what the image runs where nothing else is said.
func imageCommand(t *testing.T) (entry, command []string) {
	t.Helper()
	dockerfile := read(t, at("docker", "Dockerfile"))
	for word, list := range map[string]*[]string{"ENTRYPOINT": &entry, "CMD": &command} {
		if err := json.Unmarshal([]byte(instruction(t, dockerfile, word)), list); err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
	return entry, command
}

// inRepository is a command of the image with the configuration of the repository in place of the image's copy.
func inRepository(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		args[i] = strings.Replace(arg, "/etc/holt/holt.yaml", at("holt.yaml"), 1)
	}
	return args
}

func TestImageRunsAsNobodyInParticularFromNothingButTheProgram(t *testing.T) {
	dockerfile := read(t, at("docker", "Dockerfile"))
	if user := instruction(t, dockerfile, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("USER %s: Kubernetes tells by a number other than 0 that it is not root", user)
	}
	bases := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../../go.mod"))
	if len(bases) != 2 || bases[0][1] != "golang:"+version[1] || bases[1][1] != "scratch" {
		t.Errorf("the stages begin with %v; go.mod says %s", bases, version[1])
	}
	if !strings.Contains(dockerfile, "CGO_ENABLED=0 ") {
		t.Error("the program is not static, and scratch has no libraries")
	}
	var config map[string]any
	decode(t, at("holt.yaml"), &config)
	if volume := instruction(t, dockerfile, "VOLUME"); volume != config["dir"] {
		t.Errorf("VOLUME %s, and the data folder is %v", volume, config["dir"])
	}
	exposed := strings.Fields(instruction(t, dockerfile, "EXPOSE"))
	for _, name := range []string{"resp", "grpc", "cluster", "gossip", "http"} {
		port := strings.TrimPrefix(fmt.Sprint(config[name]), "0.0.0.0:")
		if !slices.Contains(exposed, port) && !slices.Contains(exposed, port+"/udp") {
			t.Errorf("%s listens at %v, which %v does not have", name, config[name], exposed)
		}
	}
	entry, command := imageCommand(t)
	if !slices.Equal(entry, []string{"/usr/bin/holt"}) {
		t.Errorf("ENTRYPOINT %q", entry)
	}
	checkServer(t, "the image", []string{"HOLT_ADVERTISE=holt-1"}, inRepository(command))
}

type composeService struct {
	Image       string
	Command     []string
	Environment map[string]string
	Hostname    string
	NetworkMode string `yaml:"network_mode"`
	ReadOnly    bool   `yaml:"read_only"`
	Volumes     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Grace       string                                `yaml:"stop_grace_period"`
	Healthcheck struct{ Test []string }
	Restart     string
}

func TestComposeStartsThreeNodesThatFindEachOther(t *testing.T) {
	var file struct {
		Services map[string]composeService
		Volumes  map[string]any
	}
	path := at("docker", "compose.yaml")
	decode(t, path, &file)
	_, command := imageCommand(t)
	var nodes, join []string
	volumes := map[string]bool{}
	for name, s := range file.Services {
		if name == "init" {
			continue
		}
		nodes = append(nodes, name)
		var env []string
		for key, value := range s.Environment {
			env = append(env, key+"="+value)
		}
		checkServer(t, path+": "+name, env, inRepository(command))
		if s.Hostname != name || s.Environment["HOLT_ADVERTISE"] != name {
			t.Errorf("%s is called %s and advertises %s", name, s.Hostname, s.Environment["HOLT_ADVERTISE"])
		}
		join = strings.Split(s.Environment["HOLT_JOIN"], ",")
		for _, addr := range join {
			if host, _, _ := strings.Cut(addr, ":"); file.Services[host].Hostname != host {
				t.Errorf("%s joins at %s, which is no service", name, addr)
			}
		}
		if !s.ReadOnly || s.Grace != "30s" {
			t.Errorf("%s: read_only %v, stop_grace_period %s", name, s.ReadOnly, s.Grace)
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, declared := file.Volumes[from]; !declared || volumes[from] {
				t.Errorf("%s: volume %s is not declared, or another node's", name, from)
			}
			volumes[from] = true
		}
		if check := s.Healthcheck.Test; len(check) != 6 || check[0] != "CMD" || check[1] != "/usr/bin/holt" ||
			!slices.Equal(check[2:4], []string{"cluster", "status"}) || check[4] != "--addr" {
			t.Errorf("%s is probed by %q", name, check)
		}
	}
	if len(nodes) != 3 || len(join) != 3 || len(volumes) != 3 {
		t.Errorf("nodes %q, join %q, volumes %v", nodes, join, volumes)
	}
	first := file.Services["init"]
	checkInit(t, path+": init", first.Command)
	if i := slices.Index(first.Command, "--expect-nodes"); i < 0 || first.Command[i+1] != "3" {
		t.Errorf("init: %q", first.Command)
	}
	if first.NetworkMode != "service:holt-1" || first.DependsOn["holt-1"].Condition != "service_healthy" || !strings.HasPrefix(first.Restart, "on-failure") {
		t.Errorf("init: %+v", first)
	}
}
