package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyBytesMax bounds what is kept of the data of one node: what a long history on a full disk leaves is not worth more.
const copyBytesMax = 512 << 20

// ErrTooLarge says that not all of a folder was copied.
var ErrTooLarge = errors.New("not all of it was copied: it is larger than the bound of 512 MiB")

// Copy copies a file or a folder into the folder of a run, under a name. What does not exist is left out.
func Copy(dir, name, from string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	left := int64(copyBytesMax)
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name, below)
		switch {
		case entry.IsDir():
			return os.MkdirAll(to, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		n, err := copyFile(to, path, left)
		if left -= n; err == nil && left <= 0 {
			err = ErrTooLarge
		}
		return err
	})
}

func copyFile(to, from string, bytesMax int64) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.CopyN(out, in, bytesMax)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, errors.Join(err, out.Close())
}
