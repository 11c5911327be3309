package nemesis

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard starts a process that undoes something when this one ends, however it does: a script for the shell, whose input
// ends then. The script begins by reading a line; one that is not empty says to keep files, as those of a failed test.
func guard(cleanup func(func()), keep func() bool, script string, args ...string) error {
	cmd := exec.Command("sh", append([]string{"-c", "read -r keep; " + script}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is not for it
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("guard of %v: %w", args, err)
	}
	cleanup(func() {
		if keep() {
			_, _ = io.WriteString(input, "keep\n") // without it the files are removed
		}
		_ = input.Close()
		_ = cmd.Wait() // it undoes what is there, which may be nothing
	})
	return nil
}
