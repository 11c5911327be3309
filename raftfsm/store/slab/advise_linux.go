//go:build linux && !race

package slab

import "golang.org/x/sys/unix"

// adviseSmallPages keeps the kernel from backing a few used pages with a huge one, which would make resident memory grow
// past what is used. A kernel without huge pages answers with an error that means the same.
func adviseSmallPages(memory []byte) { _ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE) }
