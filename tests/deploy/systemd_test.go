package deploy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSystemdTakesTheUnit(t *testing.T) {
	path := at("systemd", "holt.service")
	unit := read(t, path)
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/holt (.*)$`).FindStringSubmatch(unit)
	if line == nil {
		t.Fatal("there is no ExecStart")
	}
	checkServer(t, path, []string{"HOLT_ADVERTISE=holt-1"}, inRepository(strings.Fields(line[1])))

	analyze := tool(t, "systemd-analyze", "the package systemd has it")
	if !strings.Contains(mustRun(t, analyze, "--help"), "verify") {
		t.Skip("this systemd-analyze can't verify a unit")
	}
	// It looks for the program, which is not installed here.
	installed := filepath.Join(t.TempDir(), "holt.service")
	verify := func(text string) (string, error) {
		write(t, installed, strings.Replace(text, "ExecStart=/usr/bin/holt", "ExecStart="+holt(t), 1))
		return run(t, "", nil, analyze, "verify", "--man=no", installed)
	}
	if out, err := verify(unit); err != nil || strings.Contains(out, "holt.service:") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := verify(strings.Replace(unit, "LimitNOFILE=", "LimitNOFILES=", 1)); err == nil && !strings.Contains(out, "LimitNOFILES") {
		t.Errorf("a mistake in the unit is not seen:\n%s", out)
	}
}
