//go:build !linux

package logstore

import "os"

func reserve(file *os.File, sizeBytes int64) error { return file.Truncate(sizeBytes) }

func syncData(file *os.File) error { return file.Sync() }

func writeBuffers(file *os.File, buffers [][]byte, offset int64) error {
	for _, b := range buffers {
		n, err := file.WriteAt(b, offset)
		if err != nil {
			return err
		}
		offset += int64(n)
	}
	return nil
}
