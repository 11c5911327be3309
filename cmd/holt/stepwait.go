//go:build migrationstep

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// This program is built for tests: at each step of a migration it looks into a folder that the environment names. Where a
// file there has the name of the step, it is renamed to the step with the process's id behind it, by one process at most, and
// the migration goes on once that file is gone.
const stepFolder = "HOLT_STEP_DIR"

func migrationStep(step string) {
	dir := os.Getenv(stepFolder)
	if dir == "" {
		return
	}
	taken := filepath.Join(dir, fmt.Sprintf("%s.%d", step, os.Getpid()))
	if os.Rename(filepath.Join(dir, step), taken) != nil {
		return
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if _, err := os.Stat(taken); err != nil {
			return
		}
	}
}
