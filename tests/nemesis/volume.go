package nemesis

import (
	"os"
	"path/filepath"
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
	if err := guard(cleanup, keep, undoVolume, root); err != nil {
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

// undoVolume is what the guard of a volume does.
const undoVolume = `umount -l "$0/data"; umount -l "$0"; [ -n "$keep" ] || rm -rf "$0"`
