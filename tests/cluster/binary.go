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

var built = sync.OnceValues(func() (string, error) {
	if err := lookAtSources(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "holt-test-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "holt")
	out, err := exec.Command("go", "build", "-o", path, "github.com/holtcache/holt/cmd/holt").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
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

// Cleanup removes the program that Binary has built; TestMain calls it last.
func Cleanup() error {
	if binaryDir == "" {
		return nil
	}
	return os.RemoveAll(binaryDir)
}
