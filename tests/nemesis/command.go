package nemesis

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// command runs a program of the system and returns what it says only where it fails.
func command(name string, args ...string) error {
	_, err := commandWith("", name, args...)
	return err
}

// commandWith gives a program some input and returns what it says.
func commandWith(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()+out.String()))
	}
	return out.String(), nil
}

// packages are those of Debian that bring the commands used here.
var packages = map[string]string{
	"mkfs.ext4": "e2fsprogs", "mount": "mount", "umount": "mount", "losetup": "mount", "unshare": "util-linux", "strace": "strace",
	"ip": "iproute2", "iptables-save": "iptables", "iptables-restore": "iptables", "nsenter": "util-linux",
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
