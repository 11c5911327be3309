package logstore

import "golang.org/x/sys/unix"

// beginWriteback asks the kernel to write a part of a file to the disk, and waits for what was asked for before that: a hint
// that keeps little waiting, no promise. Sync makes the file durable and reports every error.
func beginWriteback(file snapFile, offset, bytes int64) {
	if f, ok := file.(interface{ Fd() uintptr }); ok {
		_ = unix.SyncFileRange(int(f.Fd()), offset, bytes, unix.SYNC_FILE_RANGE_WRITE) // see above
		if offset >= bytes {
			_ = unix.SyncFileRange(int(f.Fd()), offset-bytes, bytes, unix.SYNC_FILE_RANGE_WAIT_BEFORE)
		}
	}
}
