package logstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// After a failed sync the kernel takes the pages for clean that it could not write: the next call would succeed, and mean
// nothing. A call that a signal has interrupted did not fail.
func TestFailedSyncIsNotTriedAgain(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "segment"))
	must(t, err)
	defer file.Close()
	for _, c := range []struct {
		answers []error
		want    error
	}{
		{[]error{unix.EIO, nil}, unix.EIO},
		{[]error{unix.ENOSPC, nil}, unix.ENOSPC},
		{[]error{unix.EINTR, unix.EIO, nil}, unix.EIO},
		{[]error{unix.EINTR, unix.EINTR, nil}, nil},
	} {
		calls := 0
		got := syncBy(func(int) error { calls++; return c.answers[calls-1] }, file)
		if !errors.Is(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("answers %v: got %v after %d calls, want %v", c.answers, got, calls, c.want)
		}
	}
}
