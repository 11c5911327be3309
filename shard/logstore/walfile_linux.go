package logstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// buffersMax is how many buffers one write may have (IOV_MAX).
const buffersMax = 1024

// reserve gives a file room for sizeBytes, so that the disk is full when a segment begins and not in the middle of it.
// A file system that cannot reserve only sets the size.
func reserve(file *os.File, sizeBytes int64) error {
	err := unix.Fallocate(int(file.Fd()), 0, 0, sizeBytes)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return file.Truncate(sizeBytes)
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: file.Name(), Err: err}
	}
	return nil
}

// syncData makes what was written durable. The size of a segment does not change, so its metadata can wait.
func syncData(file *os.File) error { return syncBy(unix.Fdatasync, file) }

// syncBy is never tried again after an error: the kernel has given up the pages that it could not write, so another call
// would succeed although they are lost.
func syncBy(call func(fd int) error, file *os.File) error {
	for {
		err := call(int(file.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "fdatasync", Path: file.Name(), Err: err}
		}
	}
}

// writeBuffers writes the buffers one behind the other. It changes the slice.
func writeBuffers(file *os.File, buffers [][]byte, offset int64) error {
	for len(buffers) > 0 {
		n, err := unix.Pwritev(int(file.Fd()), buffers[:min(len(buffers), buffersMax)], offset)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "pwritev", Path: file.Name(), Err: err}
		}
		n = max(n, 0)
		offset += int64(n)
		for len(buffers) > 0 && n >= len(buffers[0]) {
			n -= len(buffers[0])
			buffers = buffers[1:]
		}
		if n > 0 {
			buffers[0] = buffers[0][n:]
		}
	}
	return nil
}
