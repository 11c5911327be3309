package nemesis

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestFullDiskTakesNothingUntilThereIsRoom(t *testing.T) {
	disk := NewSmallDisk(t, 1<<20)
	path := filepath.Join(disk.Dir, "file")
	During(t, &FullDisk{Disk: disk}, func() {
		if err := os.WriteFile(path, make([]byte, pageBytes), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write: %v, want ENOSPC", err)
		}
	})
	must(t, os.WriteFile(path, make([]byte, pageBytes), 0o600))
}

func TestDiskThatNeverWasFullHadNoEffect(t *testing.T) {
	if err := (&FullDisk{}).TookEffect(); err == nil {
		t.Error("it had one")
	}
}
