package nemesis

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// volume is a file system of its own below a temporary folder.
type volume struct {
	// Dir is where it is mounted.
	Dir string

	root  string   // holds the mount point, and whatever else belongs to the volume
	mount []string // the arguments of mount that come before the mount point
}

// newVolume mounts a file system; prepare makes what is mounted, given the root, and returns mount's arguments. At the end
// of the test, and when the test binary dies, it is unmounted and removed; a failed test keeps what is no mount.
func newVolume(t T, prepare func(root string) (mount []string, err error)) *volume {
	t.Helper()
	v, err := makeVolume(prepare, t.Cleanup, t.Failed)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what was mounted at %s is kept in %s", v.Dir, v.root)
		}
	})
	return v
}

func makeVolume(prepare func(root string) ([]string, error), cleanup func(func()), keep func() bool) (*volume, error) {
	root, err := os.MkdirTemp("", "holt-volume-")
	if err != nil {
		return nil, err
	}
	v := &volume{Dir: filepath.Join(root, "data"), root: root}
	if err := v.guard(cleanup, keep); err != nil {
		return nil, err
	}
	if err := os.Mkdir(v.Dir, 0o700); err != nil {
		return nil, err
	}
	// Processes with a mount namespace of their own follow the mounts of a shared one: what is unmounted here is unmounted
	// there, too. Otherwise the file system would live on in the namespace of any other process.
	if err := command("mount", "--bind", root, root); err != nil {
		return nil, err
	}
	if err := command("mount", "--make-shared", root); err != nil {
		return nil, err
	}
	if v.mount, err = prepare(root); err != nil {
		return nil, err
	}
	return v, v.attach()
}

func (v *volume) attach() error { return command("mount", append(v.mount, v.Dir)...) }

// detachMax bounds how long the kernel may take to let go of a file system whose processes are gone. It gives up the
// mount namespaces of processes a moment after the processes.
const detachMax = 10 * time.Second

func (v *volume) detach() error {
	for end := time.Now().Add(detachMax); ; time.Sleep(time.Millisecond) {
		err := command("umount", v.Dir)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// undo is what the guard does once its input ends. A line of input says to keep the files.
const undo = `read -r keep; umount -l "$0/data"; umount -l "$0"; [ -n "$keep" ] || rm -rf "$0"`

// guard starts the process that removes the volume when this one ends, however it does.
func (v *volume) guard(cleanup func(func()), keep func() bool) error {
	cmd := exec.Command("sh", "-c", undo, v.root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is not for it
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("guard of %s: %w", v.root, err)
	}
	cleanup(func() {
		if keep() {
			_, _ = io.WriteString(input, "keep\n") // without it the files are removed
		}
		_ = input.Close()
		_ = cmd.Wait() // it unmounts what is mounted, which may be nothing
	})
	return nil
}
