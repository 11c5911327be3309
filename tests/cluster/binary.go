package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Binary is the path of the program, built from this source tree at the first call. Cleanup removes it.
func Binary() (string, error) { return built() }

var built = sync.OnceValues(func() (string, error) {
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

// Cleanup removes the program that Binary has built; TestMain calls it last.
func Cleanup() error {
	if binaryDir == "" {
		return nil
	}
	return os.RemoveAll(binaryDir)
}
