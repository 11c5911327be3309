//go:build !race

package slab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// arenaBits is the size of an arena as a power of two. Only pages that are written to cost memory.
const arenaBits = 26

func mapMemory(bytes int) []byte {
	memory, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		panic(fmt.Sprintf("slab: map %d bytes of memory: %v; give the machine more memory or this node less data (see also sysctl vm.max_map_count)", bytes, err))
	}
	adviseSmallPages(memory)
	return memory
}

func unmapMemory(memory []byte) {
	if err := unix.Munmap(memory); err != nil {
		panic(fmt.Sprintf("slab: unmap %d bytes of memory: %v", len(memory), err))
	}
}

// returnMemory gives the pages back to the operating system; they read as zeros or as before, whatever the system likes.
func returnMemory(memory []byte) {
	if err := unix.Madvise(memory, unix.MADV_DONTNEED); err != nil {
		panic(fmt.Sprintf("slab: return %d bytes of memory: %v", len(memory), err))
	}
}
