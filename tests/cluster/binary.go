package cluster

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Binary is the path of the program, built from this source tree at the first call. Cleanup removes it.
func Binary() (string, error) { return built() }

// BinaryWithClock is the path of the program as it is built for tests of clocks (nemesis.Clock), which the environment
// names to it. No program that is built otherwise knows of that.
func BinaryWithClock() (string, error) { return builtWithClock() }

// BinaryWithSteps is the path of the program as it is built for tests that stop it at steps of a migration (Steps). No
// program that is built otherwise does.
func BinaryWithSteps() (string, error) { return builtWithSteps() }

const (
	// clockFile names a node's clock in the environment, stepFolder the folder of Steps.
	clockFile  = "HOLT_CLOCK_FILE"
	stepFolder = "HOLT_STEP_DIR"
)

var (
	built          = sync.OnceValues(func() (string, error) { return build("holt") })
	builtWithClock = sync.OnceValues(func() (string, error) { return build("holt-clockstep", "-tags", "clockstep") })
	builtWithSteps = sync.OnceValues(func() (string, error) { return build("holt-migrationstep", "-tags", "migrationstep") })
)

func build(name string, flags ...string) (string, error) {
	if err := lookAtSources(); err != nil {
		return "", err
	}
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	args := append(append([]string{"build"}, flags...), "-o", path, "github.com/holtcache/holt/cmd/holt")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "holt-test-")
	binaryDir = dir
	return dir, err
})

var binaryDir string

// lookAtSources lists the folders of the program's source. The go command keeps the result of a test as long as the files
// are the same that the test has looked at; without this, a change of the program would be answered with the old result.
func lookAtSources() error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for ; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return fmt.Errorf("no go.mod above the working folder: run this inside of the source tree")
		}
	}
	for _, floor := range []string{"cmd", "gateway", "shard", "raftfsm", "proto"} {
		err := filepath.WalkDir(filepath.Join(root, floor), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return err
		}
	}
	return nil
}

// Cleanup removes the program that Binary has built.
func Cleanup() error {
	if binaryDir == "" {
		return nil
	}
	return os.RemoveAll(binaryDir)
}

// CleanedUp is Cleanup as TestMain calls it last: it takes the exit code of the tests and returns that of the test binary.
func CleanedUp(code int) int {
	if err := Cleanup(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
