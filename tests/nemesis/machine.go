package nemesis

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Machine is a disk that can lose its power, with the boot id of the machine that it is in: an ext4 file system in a file.
type Machine struct {
	*volume
	bootFile string
	cuts     int
}

const (
	machineBytes = 512 << 20

	// keptFile is synced after every boot, and has to survive a cut; lostFile is written right before one and never synced.
	keptFile = ".synced"
	lostFile = ".not-synced"

	// shutdownRequest is EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32). From then on the file system reads and writes nothing.
	shutdownRequest = 0x8004587d
	// With shutdownLog the journal is written first, without it (shutdownNow) not even that.
	shutdownLog = 1
	shutdownNow = 2
)

// NewMachine makes a machine that is switched on. The test is skipped where that is impossible.
func NewMachine(t T) *Machine {
	t.Helper()
	Need(t, &PowerCut{})
	m := &Machine{}
	m.volume = newVolume(t, m.prepare)
	if err := m.boot(); err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

func (m *Machine) prepare(root string) ([]string, error) {
	image := filepath.Join(root, "image")
	m.bootFile = filepath.Join(root, "boot_id")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(image, machineBytes); err != nil { // it takes room as it is written
		return nil, err
	}
	err := command("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=16", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
	// The journal is not written by the clock: what is not synced stays in memory.
	return []string{"-o", "loop,commit=300", image}, err
}

// Under is the command that runs a program on this machine: in a mount namespace in which the kernel seems to have
// booted when the machine did. It ends by executing the program, so the process id is the program's.
func (m *Machine) Under() []string {
	const bind = `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"`
	return []string{"unshare", "--mount", "--propagation", "slave", "sh", "-c", bind, m.bootFile}
}

// boot gives the mounted machine another boot id, and leaves there what a cut must keep.
func (m *Machine) boot() error {
	if err := os.WriteFile(m.bootFile, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	kept, err := os.Create(filepath.Join(m.Dir, keptFile))
	if err != nil {
		return err
	}
	_, err = kept.WriteString(m.probe())
	err = errors.Join(err, kept.Sync(), kept.Close())
	if rerr := os.Remove(filepath.Join(m.Dir, lostFile)); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	folder, openErr := os.Open(m.Dir)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	return errors.Join(err, folder.Sync(), folder.Close())
}

func (m *Machine) probe() string {
	return strings.Repeat(fmt.Sprintf("before cut %d\n", m.cuts+1), 1000)
}

// shutDown ends the file system in mid-air.
func (m *Machine) shutDown(how int) error {
	folder, err := os.Open(m.Dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := unix.IoctlSetPointerInt(int(folder.Fd()), shutdownRequest, how); err != nil {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN of %s: %w", m.Dir, err)
	}
	return nil
}

// lost is nil if a cut took what was not synced, and nothing else.
func (m *Machine) lost() error {
	switch kept, err := os.ReadFile(filepath.Join(m.Dir, keptFile)); {
	case err != nil:
		return fmt.Errorf("a synced file is gone: %w", err)
	case string(kept) != m.probe():
		return fmt.Errorf("a synced file lost its contents: %d bytes", len(kept))
	}
	switch lost, err := os.ReadFile(filepath.Join(m.Dir, lostFile)); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case strings.Trim(string(lost), "\x00") != "":
		return fmt.Errorf("%d bytes of a file survived that was never synced", len(lost))
	}
	return nil
}

// missingMachine tries everything once.
var missingMachine = sync.OnceValue(func() (err error) {
	if err := missingCommands("mkfs.ext4", "mount", "umount", "losetup", "unshare", "sh"); err != nil {
		return err
	}
	var undo []func()
	defer func() {
		for _, f := range undo {
			f()
		}
	}()
	m := &Machine{}
	m.volume, err = makeVolume(m.prepare, func(f func()) { undo = append(undo, f) }, func() bool { return false })
	if err != nil {
		return fmt.Errorf("no loop device with ext4: %w", err)
	}
	if err := m.boot(); err != nil {
		return err
	}
	run := m.Under()
	if err := command(run[0], append(run[1:], "true")...); err != nil {
		return fmt.Errorf("no mount namespaces: %w", err)
	}
	return m.shutDown(shutdownNow)
})
