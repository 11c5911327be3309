package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bug is one defect and the test that has to find it.
type bug struct {
	name string
	// rule is that of the protocol which the defect breaks.
	rule  string
	edits []edit
	// pkg and test name what has to fail; test is a regular expression as of go test -run, and for the robustness suite its
	// arguments.
	pkg, test string
}

// bySuite tells whether the robustness suite has to find it, in place of a test.
func (b bug) bySuite() bool { return b.pkg == suitePkg }

// edit replaces the one occurrence of old in a file of the module.
type edit struct{ file, old, new string }

// verdict is what became of a planted defect.
type verdict string

const (
	found     verdict = "found"
	missed    verdict = "MISSED"
	unbuilt   verdict = "BROKEN" // it does not compile, which finds nothing
	testTime          = 3 * time.Minute
	suiteTime         = 2 * time.Minute // what the suite may take to find one, beside the building
)

// plant runs the test of a bug on the changed tree.
func plant(ctx context.Context, root string, b bug) (verdict, string) {
	dir, err := os.MkdirTemp("", "bugs")
	if err != nil {
		return unbuilt, err.Error()
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, root, b.edits)
	if err != nil {
		return unbuilt, err.Error()
	}
	// Not as a flag of these commands alone: tests of real processes build the program themselves.
	env := append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)
	if b.bySuite() {
		return plantInSuite(ctx, root, dir, env, b)
	}
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	output, err := run(ctx, root, env, "go", "test", "-count=1", "-timeout", "1m", "-run", b.test, "./"+b.pkg)
	return judge(output, err), tail(output)
}

// plantInSuite lets the suite look for a bug. The suite is no child of the go command's, which would not pass a signal on.
func plantInSuite(ctx context.Context, root, dir string, env []string, b bug) (verdict, string) {
	ctx, cancel := context.WithTimeout(ctx, suiteTime+testTime)
	defer cancel()
	suite := filepath.Join(dir, "suite")
	if output, err := run(ctx, root, env, "go", "build", "-o", suite, "./"+b.pkg); err != nil {
		return unbuilt, output
	}
	args := []string{"suite", "-quiet", "-failfast", "-seed", "1", "-time", suiteTime.String(), "-out", dir}
	output, err := run(ctx, root, env, suite, append(args, strings.Fields(b.test)...)...)
	return judgeSuite(output, err), tail(output)
}

// run returns what a command says. At the end of the context it is asked to end, since it may have mounts to undo.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	err := cmd.Run()
	return out.String(), err
}

// judge tells a failing test from one that passes, is not there, or could not be built.
func judge(output string, err error) verdict {
	switch {
	case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"), strings.Contains(output, "no tests to run"):
		return unbuilt
	case err == nil:
		return missed
	case strings.Contains(output, "--- FAIL"), strings.Contains(output, "panic:"), strings.Contains(output, "fatal error:"):
		return found
	}
	return unbuilt
}

// judgeSuite tells a broken promise from runs that are all right or show nothing, and from what could not be built.
func judgeSuite(output string, err error) verdict {
	switch {
	case strings.Contains(output, "robustness: FAILED: ") && strings.Contains(output, "runs broke a promise"):
		return found
	case err == nil, strings.Contains(output, "robustness: INVALID: "):
		return missed
	}
	return unbuilt
}

// writeOverlay writes the changed files and the list of them that the compiler reads.
func writeOverlay(dir, root string, edits []edit) (path string, err error) {
	changed := map[string]string{}
	for _, e := range edits {
		if _, ok := changed[e.file]; !ok {
			source, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			changed[e.file] = string(source)
		}
		if n := strings.Count(changed[e.file], e.old); n != 1 {
			return "", fmt.Errorf("%s: %d places hold %q, want one", e.file, n, e.old)
		}
		changed[e.file] = strings.Replace(changed[e.file], e.old, e.new, 1)
	}
	replace := map[string]string{}
	for file, source := range changed {
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, data, 0o600)
}

// moduleRoot is the folder of go.mod, from the working folder upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
	}
}

// tail is the end of a test's output.
func tail(output string) string {
	const bytesMax = 2000
	if len(output) > bytesMax {
		return output[len(output)-bytesMax:]
	}
	return output
}
