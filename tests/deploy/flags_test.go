package deploy

import (
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands are those of the program that files of deploy/ run.
var commands = [][]string{
	{"server"}, {"cluster", "init"}, {"cluster", "status"}, {"cluster", "nodes"}, {"cluster", "shards"}, {"cluster", "set"},
	{"cluster", "migrations"}, {"cluster", "rebalance"}, {"cluster", "recover"}, {"cluster", "remove-node"},
}

var longFlag = regexp.MustCompile(`--([a-z][a-z-]*[a-z])`)

// flagsOf are the flags that --help of a command names.
func flagsOf(t *testing.T, command ...string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(mustRun(t, holt(t), append(command, "--help")...)) {
		if m := longFlag.FindStringSubmatch(line); m != nil && strings.HasPrefix(strings.TrimLeft(line, " "), "-") {
			names = append(names, m[1])
		}
	}
	if len(names) < 2 {
		t.Fatalf("%v --help names only %q", command, names)
	}
	return names
}

// A variable that names no flag is silently left alone by the program.
func checkVariables(t *testing.T, where string, names []string) {
	t.Helper()
	flags := flagsOf(t, "server")
	for _, name := range names {
		if name == "HOLT_PASSWORD" { // for holt cluster, where the node runs
			continue
		}
		flag, ours := strings.CutPrefix(name, "HOLT_")
		if flag = strings.ReplaceAll(strings.ToLower(flag), "_", "-"); ours && !slices.Contains(flags, flag) {
			t.Errorf("%s: %s names no flag of holt server", where, name)
		}
	}
}

// checkServer lets the program read the flags and variables with which a file starts it, up to the data folder, which is where
// none can be made.
func checkServer(t *testing.T, where string, env, args []string) {
	t.Helper()
	var names []string
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	checkVariables(t, where, names)
	if len(args) == 0 || args[0] != "server" {
		t.Fatalf("%s does not run holt server but %q", where, args)
	}
	out, err := run(t, "", env, holt(t), append(slices.Clone(args), "--dir", "/proc/holt")...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(out, "data folder /proc/holt") {
		t.Errorf("%s: %q with %q: %v, want the program to refuse the data folder alone\n%s", where, args, env, err, out)
	}
}

// checkInit lets the program read the flags of `holt cluster init`, up to the connection.
func checkInit(t *testing.T, where string, args []string) {
	t.Helper()
	if len(args) < 2 || args[0] != "cluster" || args[1] != "init" {
		t.Fatalf("%s does not run holt cluster init but %q", where, args)
	}
	out, err := run(t, "", nil, holt(t), append(slices.Clone(args), "--addr", "127.0.0.1:1")...)
	if err == nil || !strings.Contains(out, "127.0.0.1:1") {
		t.Errorf("%s: %q: %v, want the program to find nobody there\n%s", where, args, err, out)
	}
}

func TestTheExampleOfAConfigurationIsOneThatTheServerTakes(t *testing.T) {
	path := at("holt.yaml")
	checkServer(t, path, []string{"HOLT_ADVERTISE=holt-1"}, []string{"server", "--config", path})
	// So are the lines that are there to be uncommented.
	text := regexp.MustCompile(`(?m)^# ([a-z-]+: \S.*)$`).ReplaceAllString(read(t, path), "$1")
	if strings.Count(text, "\n# ") >= strings.Count(read(t, path), "\n# ") {
		t.Fatal("no line to be uncommented was found")
	}
	whole := t.TempDir() + "/holt.yaml"
	write(t, whole, text)
	checkServer(t, "all lines of "+path, nil, []string{"server", "--config", whole})
	write(t, whole, text+"advertize: x\n")
	if out, err := run(t, "", nil, holt(t), "server", "--config", whole, "--dir", "/proc/holt"); err == nil || !strings.Contains(out, "advertize") {
		t.Errorf("a name that is no flag is taken: %v, %s", err, out)
	}
}

var inBackticks = regexp.MustCompile("`holt ([a-z-]+(?: [a-z-]+)?)([^`]*)`")

// What texts tell people to type exists.
func TestCommandsThatTextsNameExist(t *testing.T) {
	found := 0
	for _, path := range []string{at("prometheus", "alerts.yaml"), at("README.md"), at("helm", "holt", "values.yaml"), at("helm", "holt", "templates", "NOTES.txt")} {
		for _, m := range inBackticks.FindAllStringSubmatch(read(t, path), -1) {
			words := strings.Fields(m[1])
			if words[0] != "cluster" {
				words = words[:1]
			}
			if !slices.ContainsFunc(commands, func(c []string) bool { return slices.Equal(c, words) }) {
				t.Errorf("%s: %s: no such command, or one that is not in this test's list", path, m[0])
				continue
			}
			found++
			for _, flag := range longFlag.FindAllStringSubmatch(m[2], -1) {
				if flag[1] != "help" && !slices.Contains(flagsOf(t, words...), flag[1]) {
					t.Errorf("%s: %s: there is no --%s", path, m[0], flag[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d commands found", found)
	}
}
