package deploy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/holtcache/holt/tests/cluster"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.Exit(cluster.CleanedUp(code)) }))
}

// at is the path of a file of deploy/.
func at(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "deploy"}, parts...)...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// decode reads a file as YAML, of which JSON is a part, into a struct.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// tool is the path of a program; without it the test is skipped.
func tool(t *testing.T, name, how string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here: %s", name, how)
	}
	return path
}

// run runs a program in a folder with an environment of its own, and returns what it says.
func run(t *testing.T, dir string, env []string, path string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Deadline)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// mustRun is run of what has to succeed.
func mustRun(t *testing.T, path string, args ...string) string {
	t.Helper()
	out, err := run(t, "", nil, path, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", path, args, err, out)
	}
	return out
}

func holt(t *testing.T) string {
	t.Helper()
	path, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
