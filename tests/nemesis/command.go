package nemesis

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// command runs a program of the system and returns what it says only where it fails.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// packages are those of Debian that bring the commands used here.
var packages = map[string]string{
	"mkfs.ext4": "e2fsprogs", "mount": "mount", "umount": "mount", "losetup": "mount", "unshare": "util-linux", "strace": "strace",
}

// missingCommands is nil where this is root, who has all of the commands.
func missingCommands(names ...string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("not root: run the tests as root, in a container say")
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("no %s: install the package %s", name, packages[name])
		}
	}
	return nil
}
