package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// outcome is what a command said, and what it took.
type outcome struct {
	text      string
	err       error
	took, cpu time.Duration
}

// run runs a command. At the end of the context it is asked to end, since it may have mounts to undo.
func run(ctx context.Context, dir string, env []string, name string, args ...string) outcome {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	began := time.Now()
	err := cmd.Run()
	o := outcome{text: out.String(), err: err, took: time.Since(began)}
	if s := cmd.ProcessState; s != nil {
		o.cpu = s.UserTime() + s.SystemTime()
	}
	return o
}

// testTime is what go test says that the tests took, without the building.
func (o outcome) testTime() time.Duration {
	for line := range strings.Lines(o.text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "FAIL" {
			if d, err := time.ParseDuration(fields[2]); err == nil {
				return d
			}
		}
	}
	return o.took
}

// tail is the end of a test's output.
func tail(output string) string {
	const bytesMax = 2000
	if len(output) > bytesMax {
		return output[len(output)-bytesMax:]
	}
	return output
}
