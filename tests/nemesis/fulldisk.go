package nemesis

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// SmallDisk is a file system in memory with little room.
type SmallDisk struct{ *volume }

// NewSmallDisk mounts one with room for so many bytes. The test is skipped where that is impossible.
func NewSmallDisk(t T, sizeBytes int64) *SmallDisk {
	t.Helper()
	Need(t, &FullDisk{})
	return &SmallDisk{newVolume(t, func(string) ([]string, error) {
		return []string{"-t", "tmpfs", "-o", fmt.Sprintf("size=%d", sizeBytes), "tmpfs"}, nil
	})}
}

// FullDisk fills a disk to the last byte with a file that is not its user's.
type FullDisk struct {
	Disk *SmallDisk

	full error
}

var _ Fault = (*FullDisk)(nil)

func (f *FullDisk) Name() string { return "full disk" }

func (f *FullDisk) Missing() error { return missingTmpfs() }

func (f *FullDisk) ballast() string { return filepath.Join(f.Disk.Dir, ".ballast") }

func (f *FullDisk) Begin() error {
	file, err := os.OpenFile(f.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	for err == nil {
		_, err = file.Write(chunk)
	}
	f.full = err
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// End makes room.
func (f *FullDisk) End() error { return os.Remove(f.ballast()) }

func (f *FullDisk) TookEffect() error {
	if !errors.Is(f.full, syscall.ENOSPC) {
		return fmt.Errorf("the disk took everything: %w", f.full)
	}
	return nil
}

var missingTmpfs = sync.OnceValue(func() error {
	if err := missingCommands("mount", "umount"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "holt-tmpfs-")
	if err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := command("mount", "-t", "tmpfs", "tmpfs", dir); err != nil {
		return fmt.Errorf("no mount of a tmpfs: %w", err)
	}
	return command("umount", dir)
})
